//! Gives tables what they have at their source beside columns and key (`create`), beside the stream.
//!
//! It is made once a table is copied, so that the copy is fast and the stream is never held up: over connections of its
//! own, one thing after the other. What is done is stored in `extras/T`, and forgotten with the end of another copy;
//! what a crash left half done is asked for again, which makes it whole. Nothing here decides about rows: what cannot
//! be made is told, and the table goes on.

mod make;
mod sides;
mod stored;
mod wanted;

pub use make::beside;
pub use stored::{Stored, shown};

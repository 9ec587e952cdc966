//! The change stream of a schema.

mod backlog;
mod pending;
mod stream;

pub use stream::{StreamEnd, follow, follow_for};

//! What is written to a schema's destination, and counted: rows, dead letters, markers, the journal.

mod journal;
mod quota;
mod sibling;
mod sweep;
mod turns;
mod writer;

pub use journal::{Ending, Entry, Failed, sha256};
pub use quota::{check_columns, check_tables};
pub use sibling::Sibling;
pub use turns::Turn;
pub use writer::{Ready, Writer};

//! Rows that a destination reads back.

use crate::{DeadLetter, Failure, TableRows};

/// The code of a failure that says that nothing can be read back.
pub const NO_READ: &str = "no-read";

/// One step through a table.
#[derive(Debug, Clone, Default)]
pub struct ReadBatch {
    /// Rows with the types of the plan. A column that cannot be read back is left out of every answer.
    pub rows: Option<TableRows>,
    /// Rows with a value that the plan's type does not have.
    pub rejected: Vec<DeadLetter>,
    /// How many rows were passed over because they are marked as deleted.
    pub passed_over: u64,
    /// Where it goes on; none at the end.
    pub next_cursor: Option<Vec<u8>>,
}

/// The answer of a destination that reads nothing back, or not this table.
pub fn unread(table: &str, why: &str) -> Failure {
    Failure::config(NO_READ, format!("rows of table {table} cannot be read back: {why}"))
}

//! Tables that are copied again while their rows stay.

use crate::{Failure, Marker};

/// Which table is copied again, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepRequest {
    /// The schema both tables belong to.
    pub schema: String,
    /// The table that is copied again, by its name at the source.
    pub table: String,
    /// The table of keys: `k0`, `k1`, … are the key columns of the other in their order.
    pub keys: String,
    /// Positions to store with it.
    pub markers: Vec<Marker>,
    /// The writer's epoch: a smaller one than the schema's is fenced.
    pub epoch: u64,
}

/// What a call did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows that it ended.
    pub rows: u64,
    /// Nothing is left over.
    pub done: bool,
}

/// The answer of a destination that does not promise it.
pub(crate) fn unpromised(table: &str) -> Failure {
    Failure::stop("no-sweep", format!("table {table} cannot be swept here"))
}

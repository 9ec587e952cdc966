//! Rows that are looked up by their keys.

use crate::{DeadLetter, Failure, TableRows};

/// The code of a failure that says that nothing can be looked up here.
pub const NO_LOOKUP: &str = "no-lookup";

/// What there is of some rows. Each key that was answered has a row, is among the rejected, or is absent.
#[derive(Debug, Clone, Default)]
pub struct LookedUp {
    /// How many of the keys were looked up, from the front; at least one.
    pub answered: usize,
    /// The rows as a copy would have them, in any order.
    pub rows: Option<TableRows>,
    /// Rows that could not travel.
    pub rejected: Vec<DeadLetter>,
    /// The places of keys that no row has.
    pub absent: Vec<usize>,
}

/// The answer of a source that looks nothing up.
pub(crate) fn unable(table: &str) -> Failure {
    Failure::config(NO_LOOKUP, format!("rows of table {table} cannot be looked up by their keys"))
}

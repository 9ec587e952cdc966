//! What a person wants to know.

use std::{num::NonZeroU32, time::Duration};

/// What is to be compared, and how.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Only this table.
    pub table: Option<&'a str>,
    /// How many rows a second are read of each side at most.
    pub rows_per_second: Option<NonZeroU32>,
    /// How long rows of one table that differ are looked at.
    pub wait: Duration,
    /// Whether values that differ are shown.
    pub shows_values: bool,
    /// Whether a schema that a run holds is refused, since its rows are to be written.
    pub at_rest: bool,
}

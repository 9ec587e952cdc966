//! How much one reading call may answer.

use std::time::Duration;

/// Upper bounds of one reading call; reaching any of them ends the call normally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Rows in all tables of the answer together; at least 1.
    pub rows_max: usize,
    /// Bytes of encoded rows. A single row above it is still returned, alone.
    pub bytes_max: u64,
    /// How long the call may block when there is nothing to return.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows_max: 10_000, bytes_max: 16 << 20, wait: Duration::ZERO }
    }
}

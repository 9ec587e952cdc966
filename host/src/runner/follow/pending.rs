//! Gathers what the change stream brings until it is worth a commit.
//!
//! A batch closes on rows, bytes or time, whichever comes first, and whole source batches only: a
//! position lies between two of them (I2). Bounded by [`BYTES_MAX`] plus one source batch (I7).

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    model::{DeadLetter, Position, TableBatch},
    plugin::ChangeBatch,
    runner::reading::{BYTES_MAX, HEARTBEAT_AGE_MAX},
};

/// How long rows may wait for company.
const ROWS_AGE_MAX: Duration = Duration::from_millis(200);

/// Rows and the position behind them, not yet committed.
#[derive(Debug, Default)]
pub struct Pending {
    pub tables: Vec<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    pub position: Option<Position>,
    pub rows: usize,
    /// What the source said with the last batch: it had no more.
    pub caught_up: bool,
    bytes: usize,
    opened: Option<Instant>,
}

impl Pending {
    /// Adds a source batch; its changes of shape were dealt with before.
    pub fn add(&mut self, batch: ChangeBatch, now: Instant) {
        self.opened.get_or_insert(now);
        self.rows += batch.row_count();
        self.bytes += batch.byte_count();
        self.tables.extend(batch.tables);
        self.rejected.extend(batch.rejected);
        self.position = Some(batch.position);
        self.caught_up = batch.caught_up;
    }

    /// Whether it is large enough to commit; `rows_max` says so for a table.
    pub fn is_full(&self, rows_max: impl Fn(&str) -> usize) -> bool {
        if self.bytes >= BYTES_MAX {
            return true;
        }
        // Most batches hold one table: then the sum is its count.
        self.tables.iter().any(|batch| {
            let limit = rows_max(&batch.table);
            self.rows >= limit && self.rows_of(&batch.table) >= limit
        })
    }

    fn rows_of(&self, table: &str) -> usize {
        self.tables.iter().filter(|batch| batch.table == table).map(TableBatch::row_count).sum()
    }

    /// Whether it has more than a position.
    pub fn carries_rows(&self) -> bool {
        !self.tables.is_empty() || !self.rejected.is_empty()
    }

    /// When it must be committed at the latest.
    pub fn due(&self) -> Option<Instant> {
        let age_max = if self.carries_rows() { ROWS_AGE_MAX } else { HEARTBEAT_AGE_MAX };
        self.opened.map(|opened| opened + age_max)
    }
}

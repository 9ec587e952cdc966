//! Gathers what the change stream brings until it is worth a commit.
//!
//! A batch closes on rows, bytes or time, whichever comes first, and whole source batches only: a
//! position lies between two of them (I2). Bounded by [`BYTES_MAX`], or [`TRANSACTION_BYTES_MAX`] where
//! the rest of a transaction is waited for, plus one source batch (I7).

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    config::CommitAt,
    model::{DeadLetter, Position, TableBatch},
    plugin::ChangeBatch,
    runner::reading::{BYTES_MAX, HEARTBEAT_AGE_MAX},
};

/// How long rows may wait for company.
const ROWS_AGE_MAX: Duration = Duration::from_millis(200);

/// A transaction of the source that takes more, or longer to arrive, is committed in parts.
const TRANSACTION_BYTES_MAX: usize = 4 * BYTES_MAX;
const TRANSACTION_AGE_MAX: Duration = Duration::from_secs(300);

/// Rows and the position behind them, not yet committed.
#[derive(Debug, Default)]
pub struct Pending {
    pub tables: Vec<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    pub position: Option<Position>,
    pub rows: usize,
    /// What the source said with the last batch: it had no more.
    pub caught_up: bool,
    /// The last batch ends within a transaction of the source.
    within_transaction: bool,
    /// The destination refused a row, which may only be early.
    pub is_refused: bool,
    bytes: usize,
    opened: Option<Instant>,
}

/// What may be done with what is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Its transactions are whole.
    Whole,
    /// The rest of its last transaction is missing; `Split` where it is not waited for any longer.
    Part,
    Split(&'static str),
    /// It waits for the rest.
    Wait,
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
        self.within_transaction = batch.within_transaction;
    }

    /// What may be done now, where commits are to end with transactions, or anywhere.
    pub fn turn(&self, commit_at: CommitAt, now: Instant) -> Turn {
        let age = self.opened.map_or(Duration::ZERO, |opened| now - opened);
        match () {
            // Without rows it is a place behind what is committed.
            () if !self.within_transaction || !self.carries_rows() => Turn::Whole,
            () if self.bytes >= TRANSACTION_BYTES_MAX => Turn::Split("it is too large"),
            () if age >= TRANSACTION_AGE_MAX => Turn::Split("it takes too long to arrive"),
            () if self.is_refused || commit_at == CommitAt::Transaction => Turn::Wait,
            () => Turn::Part,
        }
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

    /// When it must be looked at again at the latest.
    pub fn due(&self, commit_at: CommitAt, now: Instant) -> Option<Instant> {
        let age_max = match self.turn(commit_at, now) {
            Turn::Wait => TRANSACTION_AGE_MAX,
            _ if self.carries_rows() => ROWS_AGE_MAX,
            _ => HEARTBEAT_AGE_MAX,
        };
        self.opened.map(|opened| opened + age_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pending rows of so many bytes, of a transaction of which more follows.
    fn within(bytes: usize) -> Pending {
        let mut pending = Pending::default();
        let batch = ChangeBatch { within_transaction: true, ..ChangeBatch::with_payload(bytes) };
        pending.add(batch, Instant::now());
        pending
    }

    #[test]
    fn the_rest_of_a_transaction_is_waited_for_within_bounds() {
        let now = Instant::now();
        let (batch, transaction) = (CommitAt::Batch, CommitAt::Transaction);
        let mut pending = within(1);
        assert_eq!(pending.turn(batch, now), Turn::Part);
        assert_eq!(pending.turn(transaction, now), Turn::Wait);
        assert!(pending.due(batch, now) < pending.due(transaction, now));
        pending.is_refused = true;
        assert_eq!(pending.turn(batch, now), Turn::Wait);
        for commit_at in [batch, transaction] {
            let late = now + TRANSACTION_AGE_MAX + Duration::from_secs(1);
            assert!(matches!(pending.turn(commit_at, late), Turn::Split(_)));
            let large = within(TRANSACTION_BYTES_MAX);
            assert!(matches!(large.turn(commit_at, now), Turn::Split(_)));
        }
        pending.within_transaction = false;
        assert_eq!(pending.turn(transaction, now), Turn::Whole);
        // A place behind what is committed can be committed by itself.
        let empty = Pending { within_transaction: true, ..Pending::default() };
        assert_eq!(empty.turn(transaction, now), Turn::Whole);
    }
}

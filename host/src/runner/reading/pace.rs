//! Keeps a source that answers without bringing anything from taking a core (I7).
//!
//! What counts is what reaches the destination as rows or dead letters. Batches without rows, rows
//! of tables that are not selected, announcements and ever new positions or cursors do not.

use std::time::{Duration, Instant};

use super::limits::HEARTBEAT_AGE_MAX;
use crate::plugin::{ChangeBatch, SnapshotBatch};

/// Pause after an answer that brought nothing and came at once.
const EMPTY_PAUSE: Duration = Duration::from_millis(20);
/// An answer faster than this did not wait.
const AT_ONCE: Duration = Duration::from_millis(5);

/// When a source was asked.
pub struct Asked(Instant);

impl Asked {
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Pauses after an answer that brought nothing, unless the source has waited itself.
    pub async fn pause(self) {
        if self.0.elapsed() < AT_ONCE {
            tokio::time::sleep(EMPTY_PAUSE).await;
        }
    }
}

/// Which cursors of a chunk that come without rows are worth a commit.
#[derive(Debug, Default)]
pub struct Heartbeat(Option<Instant>);

impl Heartbeat {
    /// True when the last one lies back far enough.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= HEARTBEAT_AGE_MAX);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

/// Takes out of an answer what is of tables that are not followed.
pub fn keep_followed(follows: impl Fn(&str) -> bool, batch: &mut ChangeBatch) {
    batch.tables.retain(|rows| rows.row_count() > 0 && follows(&rows.table));
    batch.rejected.retain(|letter| follows(&letter.table));
    batch.schema_changes.retain(|change| follows(&change.table));
}

/// Whether an answer of the stream brings something to write, announcements aside.
pub fn brings_rows(batch: &ChangeBatch) -> bool {
    !batch.tables.is_empty() || !batch.rejected.is_empty()
}

/// The same of a step of a snapshot; rows without any are taken out.
pub fn brings_rows_of_snapshot(batch: &mut SnapshotBatch) -> bool {
    batch.rows.take_if(|rows| rows.row_count() == 0);
    batch.rows.is_some() || !batch.rejected.is_empty()
}

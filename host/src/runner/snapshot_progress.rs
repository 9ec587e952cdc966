//! Shows how far snapshots are: bars for a person, counts for `/health`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{context::SchemaContext, queue::Job};
use crate::{
    monitor::TableProgress,
    telemetry::{Progress, SnapshotBar},
};

/// Bars at a time: each takes a line and a thread.
const BARS_MAX: usize = 20;

/// The tables being copied.
#[derive(Debug, Default)]
pub struct SnapshotProgress {
    tables: Mutex<HashMap<String, (SnapshotBar, TableProgress)>>,
}

impl SnapshotProgress {
    /// A table's unfinished chunks are about to be read.
    pub fn begin(&self, context: &SchemaContext, table: &str, jobs: &[Job]) {
        let mut estimates = jobs.iter().map(|job| job.chunk.estimated_rows);
        let rows_estimated = estimates.try_fold(0_u64, |sum, rows| Some(sum.saturating_add(rows?)));
        let rows_done = jobs.iter().map(|job| job.progress.rows).sum();
        let hidden = Progress::hidden();
        let shown = if self.lock().len() < BARS_MAX { &context.progress } else { &hidden };
        let bar = shown.snapshot_bar(table, rows_estimated);
        bar.advance(rows_done);
        let progress = TableProgress { rows_done, rows_estimated };
        context.health.set_progress(context.name(), table, progress);
        self.lock().insert(table.to_owned(), (bar, progress));
    }

    /// So many rows of a table were committed.
    pub fn advance(&self, context: &SchemaContext, table: &str, rows: u64) {
        if let Some((bar, progress)) = self.lock().get_mut(table) {
            bar.advance(rows);
            progress.rows_done += rows;
            context.health.set_progress(context.name(), table, *progress);
        }
    }

    /// A table is complete: its bar goes.
    pub fn finish(&self, table: &str) {
        self.lock().remove(table);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (SnapshotBar, TableProgress)>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

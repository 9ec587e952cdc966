//! Shows how far snapshots are: bars for a person, counts for `/health`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::queue::Job;
use crate::{
    monitor::TableProgress,
    runner::context::SchemaContext,
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
        let progress = counted(jobs);
        let hidden = Progress::hidden();
        let shown = if self.lock().len() < BARS_MAX { &context.progress } else { &hidden };
        let bar = shown.snapshot_bar(table, progress.rows_estimated);
        bar.advance(progress.rows_done);
        context.health.set_progress(context.name(), table, progress);
        self.lock().insert(table.to_owned(), (bar, progress));
    }

    /// So many rows of a table were committed.
    pub fn advance(&self, context: &SchemaContext, table: &str, rows: u64) {
        if let Some((bar, progress)) = self.lock().get_mut(table) {
            bar.advance(rows);
            progress.rows_done = progress.rows_done.saturating_add(rows);
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

/// What the chunks come to. Estimates are the source's word and counts the destination's, so their
/// sums may be anything. No estimate of one is none of all.
fn counted(jobs: &[Job]) -> TableProgress {
    let estimates = jobs.iter().map(|job| job.chunk.estimated_rows);
    TableProgress {
        rows_done: jobs.iter().fold(0, |sum, job| sum.saturating_add(job.progress.rows)),
        rows_estimated: estimates
            .reduce(|sum, rows| Some(sum?.saturating_add(rows?)))
            .unwrap_or(Some(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Chunk, runner::state::ChunkProgress};

    #[test]
    fn sums_of_what_plugins_say_do_not_overflow() {
        let job = |rows: u64, estimated_rows: Option<u64>| Job {
            table: "t".to_owned(),
            chunk: Chunk { id: String::new(), descriptor: Vec::new(), estimated_rows },
            progress: ChunkProgress { rows, ..ChunkProgress::default() },
        };
        let cases = [
            ("plain", vec![job(1, Some(10)), job(2, Some(20))], 3, Some(30)),
            ("none known", vec![job(1, Some(10)), job(2, None)], 3, None),
            ("no chunks", vec![], 0, Some(0)),
            ("huge", vec![job(u64::MAX, Some(u64::MAX)); 2], u64::MAX, Some(u64::MAX)),
        ];
        for (name, jobs, done, estimated) in cases {
            let TableProgress { rows_done, rows_estimated } = counted(&jobs);
            assert_eq!((rows_done, rows_estimated), (done, estimated), "{name}");
        }
        let mut progress = ChunkProgress { rows: u64::MAX, ..ChunkProgress::default() };
        progress.add(1);
        assert_eq!(progress.rows, u64::MAX);
    }
}

//! Shows how far snapshots are: bars for a person, or lines of the log now and then, counts for `/health`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{
    queue::Job,
    told::{Pace, Told},
};
use crate::{
    monitor::{TableProgress, TableStatus},
    runner::context::SchemaContext,
    telemetry::{Progress, SnapshotBar},
};

/// Bars at a time: each takes a line and a thread.
const BARS_MAX: usize = 20;

/// The tables being copied.
#[derive(Debug, Default)]
pub struct SnapshotProgress {
    tables: Mutex<HashMap<String, Shown>>,
}

/// A table being copied.
#[derive(Debug)]
struct Shown {
    bar: SnapshotBar,
    progress: TableProgress,
    told: Told,
}

impl SnapshotProgress {
    /// A table's unfinished chunks are about to be read.
    pub fn begin(&self, context: &SchemaContext, table: &str, jobs: &[Job]) {
        let progress = counted(jobs);
        let status = TableStatus { state: "copying", ..TableStatus::default() };
        context.health.set_table(context.name(), table, status);
        context.metrics.table(table).drifted(0);
        let hidden = Progress::hidden();
        let shown = if self.lock().len() < BARS_MAX { &context.progress } else { &hidden };
        let bar = shown.snapshot_bar(table, progress.rows_estimated);
        bar.advance(progress.rows_done);
        tell(context, table, progress);
        let told = Told::new(progress, Instant::now());
        self.lock().insert(table.to_owned(), Shown { bar, progress, told });
        if context.progress.is_hidden() && context.source.log.admits("snapshots") {
            let TableProgress { rows_done, rows_estimated } = progress;
            tracing::info!(table, rows_done, rows_estimated, "copying");
        }
    }

    /// So many rows of a table were committed.
    pub fn advance(&self, context: &SchemaContext, table: &str, rows: u64) {
        if let Some(Shown { bar, progress, told }) = self.lock().get_mut(table) {
            bar.advance(rows);
            progress.rows_done = progress.rows_done.saturating_add(rows);
            tell(context, table, *progress);
            if let Some(pace) = told.due(*progress, Instant::now())
                && context.progress.is_hidden()
                && context.source.log.admits("snapshots")
            {
                say(table, *progress, pace);
            }
        }
    }

    /// A table is complete: its bar goes.
    pub fn finish(&self, table: &str) {
        self.lock().remove(table);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Shown>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(context: &SchemaContext, table: &str, progress: TableProgress) {
    let TableProgress { rows_done, rows_estimated } = progress;
    context.health.set_progress(context.name(), table, progress);
    context.metrics.table(table).snapshot(rows_done, rows_estimated);
}

fn say(table: &str, progress: TableProgress, pace: Pace) {
    let TableProgress { rows_done, rows_estimated } = progress;
    let Pace { rows_per_second, left } = pace;
    let percent = left.map(|left| left.percent_done);
    let time_left = left.and_then(|left| left.time);
    let time_left = time_left.map(|time| humantime::format_duration(time).to_string());
    tracing::info!(
        table,
        rows_done,
        rows_estimated,
        percent,
        rows_per_second,
        time_left,
        "copying"
    );
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

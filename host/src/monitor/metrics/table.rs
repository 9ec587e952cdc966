//! The numbers of one table.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge};

use super::{
    ErrorType, SyncStatus,
    families::StreamFamilies,
    lag::{Lag, source_time},
    rate::Rate,
};
use crate::model::{ChangeKind, Operation};

/// Handle of one table.
#[derive(Clone)]
pub struct TableMetrics {
    inner: Arc<Inner>,
}

struct Inner {
    labels: [String; 3],
    created: Instant,
    /// Indexed by [`Operation`].
    records: [IntCounter; Operation::ALL.len()],
    errors: IntCounterVec,
    schema_changes: IntCounterVec,
    dead_letters: IntCounter,
    dead_letters_open: IntGauge,
    drifted: IntGauge,
    batch_seconds: Histogram,
    /// Of the schema.
    schema_status: IntGauge,
    status: IntGauge,
    snapshot_rows: IntGauge,
    snapshot_rows_estimated: IntGauge,
    rate_gauge: Gauge,
    lag_gauge: Gauge,
    /// Nothing of it is committed, whatever becomes of the schema.
    is_parked: AtomicBool,
    clocked: Mutex<Clocked>,
}

/// What is shown of a table, as of a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TableNumbers {
    /// How far it is behind its source.
    pub lag: Duration,
    /// Rows that this process made durable in the destination.
    pub rows: u64,
    /// The mean of the last minute.
    pub rows_per_second: f64,
}

impl TableNumbers {
    /// Those of several tables together.
    pub fn and(self, other: Self) -> Self {
        Self {
            lag: self.lag.max(other.lag),
            rows: self.rows.saturating_add(other.rows),
            rows_per_second: self.rows_per_second + other.rows_per_second,
        }
    }
}

/// What depends on the time at which somebody looks.
struct Clocked {
    lag: Lag,
    rate: Rate,
}

impl TableMetrics {
    pub(super) fn new(families: &StreamFamilies, labels: [&str; 3]) -> Self {
        let [database, schema, table] = labels;
        let records = Operation::ALL
            .map(|op| families.records.with_label_values(&[database, schema, table, op.word()]));
        let schema_status = families.status.with_label_values(&[database, schema, ""]);
        let status = families.status.with_label_values(&labels);
        status.set(schema_status.get());
        let estimated = &families.snapshot_rows_estimated;
        let inner = Inner {
            labels: labels.map(str::to_owned),
            created: Instant::now(),
            records,
            errors: families.errors.clone(),
            schema_changes: families.schema_changes.clone(),
            dead_letters: families.dead_letters.with_label_values(&labels),
            dead_letters_open: families.dead_letters_open.with_label_values(&labels),
            drifted: families.verify.drifted.with_label_values(&labels),
            batch_seconds: families.batch_seconds.with_label_values(&labels),
            schema_status,
            status,
            snapshot_rows: families.snapshot_rows.with_label_values(&labels),
            snapshot_rows_estimated: estimated.with_label_values(&labels),
            rate_gauge: families.rate.with_label_values(&labels),
            lag_gauge: families.lag.with_label_values(&labels),
            is_parked: AtomicBool::new(false),
            clocked: Mutex::new(Clocked { lag: Lag::default(), rate: Rate::new() }),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Rows that are durable in the destination now.
    pub fn records(&self, operation: Operation, rows: u64) {
        self.inner.records[operation as usize].inc_by(rows);
        self.clocked().rate.add(self.inner.created.elapsed(), rows);
    }

    /// Rows that became dead letters.
    pub fn dead_letters(&self, letters: u64) {
        self.inner.dead_letters.inc_by(letters);
    }

    /// Dead letters that nobody has settled.
    pub fn dead_letters_open(&self, open: u64) {
        self.inner.dead_letters_open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// Rows that were not the source's when they were compared last.
    pub fn drifted(&self, rows: u64) {
        self.inner.drifted.set(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// From a batch's first row to its commit.
    pub fn batch_seconds(&self, took: Duration) {
        self.inner.batch_seconds.observe(took.as_secs_f64());
    }

    /// `cartridge_warp_sync_status` of the table.
    pub fn sync_status(&self, status: SyncStatus) {
        self.inner.status.set(status.value());
    }

    /// Whether it is left out from now on.
    pub(super) fn parked(&self, is_parked: bool) {
        let was_parked = self.inner.is_parked.swap(is_parked, Ordering::Relaxed);
        if is_parked {
            self.sync_status(SyncStatus::Failed);
            self.behind();
        } else if was_parked {
            self.follow_schema();
        }
    }

    /// The schema has another status from now on, and so have its tables that are not parked.
    pub(super) fn follow_schema(&self) {
        if !self.is_parked() {
            self.inner.status.set(self.inner.schema_status.get());
        }
    }

    /// How far its copy is: rows that are committed, and how many the source expects.
    pub fn snapshot(&self, rows: u64, estimated: Option<u64>) {
        let number = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        self.inner.snapshot_rows.set(number(rows));
        self.inner.snapshot_rows_estimated.set(number(estimated.unwrap_or_default()));
    }

    /// One failure of this table.
    pub fn error(&self, error: ErrorType) {
        self.labelled(&self.inner.errors, error.word()).inc();
    }

    /// One change of the table's shape.
    pub fn schema_change(&self, change: &ChangeKind) {
        self.labelled(&self.inner.schema_changes, change.word()).inc();
    }

    /// The source may be ahead of this table; see [`super::SchemaMetrics::behind`].
    pub fn behind(&self) {
        self.clocked().lag.behind(SystemTime::now());
    }

    /// The source has nothing more for this table, and all it had is committed.
    pub fn caught_up(&self) {
        if self.is_parked() {
            return;
        }
        self.clocked().lag.caught_up(SystemTime::now());
    }

    /// Everything the source committed up to this time, microseconds since 1970 UTC, is durable.
    pub fn committed_up_to(&self, source_time_us: i64) {
        if let Some(time) = source_time(source_time_us).filter(|_| !self.is_parked()) {
            self.clocked().lag.committed(time, SystemTime::now());
        }
    }

    fn is_parked(&self) -> bool {
        self.inner.is_parked.load(Ordering::Relaxed)
    }

    pub(super) fn refresh(&self, time: SystemTime, instant: Instant) {
        let mut clocked = self.clocked();
        self.inner.lag_gauge.set(clocked.lag.at(time).as_secs_f64());
        let age = instant.saturating_duration_since(self.inner.created);
        self.inner.rate_gauge.set(clocked.rate.at(age));
    }

    /// As of now.
    pub(super) fn numbers(&self) -> TableNumbers {
        let mut clocked = self.clocked();
        TableNumbers {
            lag: clocked.lag.at(SystemTime::now()),
            rows: self.inner.records.iter().fold(0, |sum, count| sum.saturating_add(count.get())),
            rows_per_second: clocked.rate.at(self.inner.created.elapsed()),
        }
    }

    fn labelled(&self, family: &IntCounterVec, label: &str) -> IntCounter {
        let [database, schema, table] = &self.inner.labels;
        family.with_label_values(&[database.as_str(), schema, table, label])
    }

    // A panic elsewhere leaves only numbers behind, which are valid in any state.
    fn clocked(&self) -> MutexGuard<'_, Clocked> {
        self.inner.clocked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

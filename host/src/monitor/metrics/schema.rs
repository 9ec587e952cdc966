//! The numbers of a schema as a whole: series whose label `table` is empty.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::plugin::RetainedLog;

use super::{
    ErrorType, Metrics, SyncStatus, TableMetrics, TableNumbers, label::label, lag::source_time,
};

/// Handle of one schema.
#[derive(Clone)]
pub struct SchemaMetrics {
    metrics: Metrics,
    schema: String,
    /// The schema's name as a label.
    label: String,
}

impl SchemaMetrics {
    pub(super) fn new(metrics: Metrics, schema: &str) -> Self {
        Self { metrics, label: label(schema).into_owned(), schema: schema.to_owned() }
    }

    /// The handle of one of its tables.
    pub fn table(&self, table: &str) -> TableMetrics {
        self.metrics.table(&self.schema, table)
    }

    /// `cartridge_warp_sync_status` of the schema, and of its tables that are not parked.
    pub fn sync_status(&self, status: SyncStatus) {
        let streams = &self.metrics.inner.streams;
        streams.status.with_label_values(&self.labels()).set(status.value());
        // There from the beginning: Prometheus sees no increase in a counter that begins with 1.
        let _ = streams.resyncs.with_label_values(&self.labels());
        let _ = streams.verify.failures.with_label_values(&self.labels());
        self.metrics.tables_of(&self.schema).iter().for_each(TableMetrics::follow_schema);
    }

    /// Another run has the schema: how far it is behind, and whether its source answers, is that one's to tell.
    pub fn stands_by(&self) {
        self.sync_status(SyncStatus::Standby);
        self.source_up(true);
        self.metrics.lag_of(&self.schema, |lag| lag.caught_up(SystemTime::now()));
        self.metrics.tables_of(&self.schema).iter().for_each(TableMetrics::caught_up);
    }

    /// Rows read from the source but not yet committed.
    pub fn queue_size(&self, rows: u64) {
        let gauge = self.metrics.inner.streams.queue.with_label_values(&self.labels());
        gauge.set(i64::try_from(rows).unwrap_or(i64::MAX));
    }

    /// These tables are parked from now on, and no others: the series of the schema counts them, the
    /// status of each is that of a failure, and its lag grows.
    pub fn parked(&self, tables: &BTreeSet<String>) {
        let gauge = self.metrics.inner.streams.parked.with_label_values(&self.labels());
        gauge.set(i64::try_from(tables.len()).unwrap_or(i64::MAX));
        for (name, table) in self.metrics.tables_by_name(&self.schema) {
            table.parked(tables.contains(&name));
        }
    }

    /// The schema was in order at this time: a commit, or a look that found nothing to do.
    pub fn last_successful_sync(&self, now: SystemTime) {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        self.metrics.inner.streams.last_success.with_label_values(&self.labels()).set(seconds);
    }

    /// A failure that belongs to no single table.
    pub fn error(&self, error: ErrorType) {
        let [database, schema, table] = self.labels();
        let labels = [database, schema, table, error.word()];
        self.metrics.inner.streams.errors.with_label_values(&labels).inc();
    }

    /// A lost position led to a full re-sync.
    pub fn resync(&self) {
        self.metrics.inner.streams.resyncs.with_label_values(&self.labels()).inc();
    }

    /// The source may be ahead, for all tables of the schema: it delivered something, or it cannot
    /// be asked. Until [`Self::caught_up`], their lag grows with the clock.
    pub fn behind(&self) {
        self.metrics.lag_of(&self.schema, |lag| lag.behind(SystemTime::now()));
        self.metrics.tables_of(&self.schema).iter().for_each(TableMetrics::behind);
    }

    /// The source has nothing more for any table of the schema, and all it had is committed.
    pub fn caught_up(&self) {
        self.last_successful_sync(SystemTime::now());
        self.metrics.lag_of(&self.schema, |lag| lag.caught_up(SystemTime::now()));
        self.metrics.tables_of(&self.schema).iter().for_each(TableMetrics::caught_up);
    }

    /// Everything the source committed up to this time, microseconds since 1970 UTC, is durable,
    /// for every table of the schema. Right for one ordered stream, also for the tables that had
    /// no rows in it.
    pub fn committed_up_to(&self, source_time_us: i64) {
        if let Some(time) = source_time(source_time_us) {
            self.metrics.lag_of(&self.schema, |lag| lag.committed(time, SystemTime::now()));
        }
        for table in self.metrics.tables_of(&self.schema) {
            table.committed_up_to(source_time_us);
        }
    }

    /// So many rows of the source were compared to the end, and so many could not be decided about; these tables
    /// drifted, by so many rows, and no others.
    pub fn verified(
        &self,
        (rows, undecided): (u64, u64),
        drifted: &BTreeMap<String, u64>,
        now: SystemTime,
    ) {
        let (verify, labels) = (&self.metrics.inner.streams.verify, self.labels());
        let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        verify.completed.with_label_values(&labels).set(now_s);
        verify.rows.with_label_values(&labels).inc_by(rows);
        let undecided = i64::try_from(undecided).unwrap_or(i64::MAX);
        verify.undecided.with_label_values(&labels).set(undecided);
        for (name, table) in self.metrics.tables_by_name(&self.schema) {
            table.drifted(drifted.get(&name).copied().unwrap_or_default());
        }
        drifted.iter().for_each(|(name, rows)| self.table(name).drifted(*rows));
    }

    /// A comparison of the rows came to no end.
    pub fn verify_failed(&self) {
        self.metrics.inner.streams.verify.failures.with_label_values(&self.labels()).inc();
    }

    /// Whether the source answered when it was looked at.
    pub fn source_up(&self, up: bool) {
        let gauge = &self.metrics.inner.streams.source.up;
        gauge.with_label_values(&self.labels()).set(i64::from(up));
    }

    /// The log that the source keeps, as of now; what it does not say has no series.
    pub fn source_log(&self, log: &RetainedLog, now: SystemTime) {
        let source = &self.metrics.inner.streams.source;
        let micros = |count: u64| count as f64 / 1e6;
        let now_us = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let age = |at: i64| micros(u64::try_from(now_us as i128 - i128::from(at)).unwrap_or(0));
        let values = [
            (&source.log_bytes, log.bytes.map(|bytes| bytes as f64)),
            (&source.log_seconds, log.oldest_commit_us.map(age)),
            (&source.left_bytes, log.left_bytes.map(|bytes| bytes as f64)),
            (&source.left_seconds, log.left_us.map(micros)),
        ];
        for (gauge, value) in values {
            match value {
                Some(value) => gauge.with_label_values(&self.labels()).set(value),
                // It is an error only where there was none.
                None => drop(gauge.remove_label_values(&self.labels())),
            }
        }
    }

    /// How far the schema is behind its source.
    pub fn lag(&self) -> Duration {
        let mut lag = Duration::ZERO;
        self.metrics.lag_of(&self.schema, |of_schema| lag = of_schema.at(SystemTime::now()));
        lag
    }

    /// Its tables as of now, by name; those beyond the limit of series are not among them.
    pub fn numbers(&self) -> BTreeMap<String, TableNumbers> {
        let tables = self.metrics.tables_by_name(&self.schema);
        tables.into_iter().map(|(name, table)| (name, table.numbers())).collect()
    }

    fn labels(&self) -> [&str; 3] {
        [&self.metrics.inner.database, &self.label, ""]
    }
}

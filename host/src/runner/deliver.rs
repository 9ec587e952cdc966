//! The way into the destination: evolve, shape, commit.
//!
//! Everything that a schema writes passes here, so here stand the rules of a commit: rows, dead
//! letters and markers go in one call (I2), under the epoch (I3), and a row that cannot travel is
//! among the dead letters of that call or the schema stops (I5). Order within a table is that of
//! the caller (I4).

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use tokio::sync::Mutex;

use super::{
    RunError,
    context::SchemaContext,
    evolve::{self, Evolved},
    journal::Journal,
    quota::{self, Quota},
    table::Table,
};
use crate::{
    model::{DeadLetter, Marker, Operation, TableBatch},
    plugin::{DestinationConnection, WriteOutcome, WriteRequest},
};

/// Memory that all tables may keep to shape further batches faster.
const KNOWN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The selected tables by name.
pub type Tables = BTreeMap<String, Table>;

/// What one commit is made of.
#[derive(Debug, Default)]
pub struct Commit {
    /// Tables to empty first.
    pub clear: Vec<String>,
    pub tables: Vec<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    pub markers: Vec<Marker>,
}

/// The only writer of a schema in this process.
pub struct Writer {
    pub(super) context: Arc<SchemaContext>,
    pub(super) destination: DestinationConnection,
    pub(super) epoch: u64,
    /// Held while a batch is made ready, never during the commit itself.
    pub(super) tables: Mutex<Tables>,
    commits: AtomicU64,
    pub(super) journal: Journal,
    pub(super) quota: Quota,
}

impl Writer {
    pub fn new(
        context: Arc<SchemaContext>,
        destination: DestinationConnection,
        epoch: u64,
        tables: Tables,
    ) -> Self {
        let journal = Journal::new(Arc::clone(&context), destination.clone());
        let (tables, commits) = (Mutex::new(tables), AtomicU64::new(0));
        let quota = Quota::default();
        Self { context, destination, epoch, tables, commits, journal, quota }
    }

    pub async fn close(self) {
        self.destination.close().await;
    }

    /// Commits so far; the runner's retries start anew after each.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Commits rows, dead letters and markers together.
    pub async fn commit(&self, commit: Commit) -> Result<(), RunError> {
        let Commit { clear, tables, rejected, mut markers } = commit;
        let mut ready = Vec::with_capacity(tables.len());
        {
            let mut known = self.tables.lock().await;
            // All changes of shape come first: rows of an earlier batch go into the same commit, and
            // have to fit the columns as they are by then.
            for batch in &tables {
                self.evolve_for(&mut known, batch).await?;
            }
            for batch in tables {
                if let Some(table) = known.get_mut(&batch.table) {
                    ready.push(table.shape(batch)?);
                }
            }
            let kept = known.values().map(Table::known_bytes).sum::<usize>();
            if kept > KNOWN_BYTES_MAX {
                known.values_mut().for_each(Table::forget_known);
            }
        }
        check_markers(&markers)?;
        let dead_letters = self.accept_rejected(rejected).await?;
        let mut counted = None;
        if !dead_letters.is_empty() {
            let mut held = self.quota.hold(self).await?;
            held.add_letters(&dead_letters)?;
            markers.push(held.marker());
            counted = Some(held);
        }
        let started = Instant::now();
        let measured: Vec<_> = ready.iter().map(Measured::of).collect();
        let request = WriteRequest {
            schema_name: self.context.name().to_owned(),
            clear_tables: clear,
            tables: ready,
            dead_letters,
            markers,
            epoch: self.epoch,
            dead_letter_rejected: self.context.config.error_handling.dead_letter_queue,
        };
        let letters = request.dead_letters.len() as u64;
        let outcome = self.destination.write_batch(request).await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        if let Some(counted) = counted {
            counted.committed();
        }
        self.record(&measured, letters, &outcome, started);
        self.count_refused(&measured, &outcome).await
    }

    /// Counts rows that the destination has made dead letters of. How many they are is known only
    /// when they are committed, so one commit may pass the limit before the schema stops.
    async fn count_refused(
        &self,
        measured: &[Measured],
        outcome: &WriteOutcome,
    ) -> Result<(), RunError> {
        let Some(last) = outcome.rejected.last() else { return Ok(()) };
        let mut held = self.quota.hold(self).await?;
        let bytes = outcome.rejected.iter().map(|row| {
            let of_row = measured.get(row.batch).map_or(0, Measured::bytes_per_row);
            of_row + row.message.len() as u64
        });
        let table = measured.get(last.batch).map_or("", |batch| batch.table.as_str());
        let within = held.add_letter_bytes(table, bytes.sum());
        self.commit_markers(vec![held.marker()]).await?;
        held.committed();
        within
    }

    /// Makes the table at the destination, or adopts the one that is there.
    pub async fn create_table(&self, table: &Table) -> Result<(), RunError> {
        quota::check_columns(&self.context, table)?;
        let (schema, plan) = (self.context.name(), table.plan());
        Ok(self.destination.create_table_if_not_exists(schema, &plan, self.epoch).await?)
    }

    /// Commits markers alone.
    pub async fn commit_markers(&self, markers: Vec<Marker>) -> Result<(), RunError> {
        check_markers(&markers)?;
        self.destination.update_marker(self.context.name(), markers, self.epoch).await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the batch's table able to hold it. One that is not selected is none of ours.
    async fn evolve_for(&self, tables: &mut Tables, batch: &TableBatch) -> Result<(), RunError> {
        if !self.context.selects(&batch.table) {
            return Ok(());
        }
        let Some(table) = tables.get_mut(&batch.table) else {
            return Err(RunError::UnknownTable { table: batch.table.clone() });
        };
        let news = table.news(&batch.schema);
        if news.is_empty() {
            return Ok(());
        }
        if evolve::apply(self, table, news).await? == Evolved::CopyAgain {
            return Err(RunError::CopyAgain { table: batch.table.clone() });
        }
        quota::check_tables(&self.context, tables, &batch.table)
    }

    /// Rows that the source could not turn into data: dead letters, if the operator lets them.
    async fn accept_rejected(
        &self,
        rejected: Vec<DeadLetter>,
    ) -> Result<Vec<DeadLetter>, RunError> {
        let rules = &self.context.config.error_handling;
        let mut letters = Vec::with_capacity(rejected.len());
        let tables = self.tables.lock().await;
        for mut letter in rejected {
            if !self.context.selects(&letter.table) {
                continue;
            }
            let conversion = letter.code == "type-conversion";
            let key = match () {
                () if !rules.dead_letter_queue => Some("`error_handling.dead_letter_queue: true`"),
                () if conversion && !rules.ignore_type_conversion_errors => {
                    Some("`error_handling.ignore_type_conversion_errors: true`")
                }
                () => None,
            };
            if let Some(key) = key {
                let DeadLetter { table, origin, message, .. } = letter;
                return Err(RunError::RowRefused { table, origin, message, key });
            }
            let wanted = !conversion || rules.log_conversion_warnings;
            if wanted && self.context.source.log.admits("dead letters") {
                let DeadLetter { table, origin, code, message, .. } = &letter;
                tracing::warn!(table, origin, code, "row goes to the dead letters: {message}");
            }
            if let Some(table) = tables.get(&letter.table) {
                letter.payload = table.redact_payload(&letter.payload);
            }
            letters.push(letter);
        }
        Ok(letters)
    }

    fn record(
        &self,
        measured: &[Measured],
        letters: u64,
        outcome: &WriteOutcome,
        started: Instant,
    ) {
        let took = started.elapsed();
        let metrics = &self.context.metrics;
        for batch in measured {
            let table = metrics.table(&batch.table);
            for (operation, count) in Operation::ALL.into_iter().zip(batch.operations) {
                if count > 0 {
                    table.records(operation, count);
                }
            }
            table.batch_seconds(took);
        }
        if let Some(newest) = measured.iter().filter_map(|batch| batch.newest_commit_us).max() {
            metrics.committed_up_to(newest);
        }
        metrics.last_successful_sync(SystemTime::now());
        for row in &outcome.rejected {
            if !self.context.destination.log.admits("refused rows") {
                continue;
            }
            let table = measured.get(row.batch).map_or("", |batch| batch.table.as_str());
            let (code, message) = (&row.code, &row.message);
            tracing::warn!(
                table,
                code,
                "the destination refused a row, it is a dead letter: {message}"
            );
        }
        self.context.tally.add(measured, letters + outcome.rejected.len() as u64);
    }
}

/// What could not be read back is not stored.
fn check_markers(markers: &[Marker]) -> Result<(), RunError> {
    let length = |marker: &Marker| marker.value.as_ref().map_or(0, Vec::len);
    let Some(large) = markers.iter().find(|marker| length(marker) > Marker::VALUE_BYTES_MAX) else {
        return Ok(());
    };
    Err(RunError::Unusable {
        what: format!(
            "what is to be stored as `{}` takes {} bytes, {} are allowed",
            large.stream,
            length(large),
            Marker::VALUE_BYTES_MAX
        ),
        help: "the source cuts the table into too many or too large chunks: lower \
               `max_parallel_streams` for it"
            .into(),
    })
}

/// What is measured of a batch before it is handed over.
#[derive(Debug)]
pub struct Measured {
    pub table: String,
    pub operations: [u64; 4],
    pub bytes: u64,
    newest_commit_us: Option<i64>,
}

impl Measured {
    fn bytes_per_row(&self) -> u64 {
        self.bytes / self.operations.iter().sum::<u64>().max(1)
    }

    pub fn of(batch: &TableBatch) -> Self {
        Self {
            table: batch.table.clone(),
            operations: batch.operation_counts(),
            bytes: batch.byte_count() as u64,
            newest_commit_us: batch.newest_commit_us(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_that_could_not_be_read_back_is_refused() {
        let marker = |bytes| Marker { stream: "table/t".into(), value: Some(vec![0; bytes]) };
        let none = Marker { stream: "table/t".into(), value: None };
        assert!(check_markers(&[none.clone(), marker(Marker::VALUE_BYTES_MAX)]).is_ok());
        let refused = check_markers(&[none, marker(Marker::VALUE_BYTES_MAX + 1)]).unwrap_err();
        assert!(refused.to_string().contains("`table/t` takes 16777217 bytes"), "{refused}");
    }
}

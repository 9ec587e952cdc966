//! The only way to write to a schema's destination.
//!
//! Rows, dead letters and markers go in one call (I2), under the epoch (I3). What comes here fits the
//! destination: [`super::super::deliver`] makes it so.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use tokio::sync::Mutex;

use super::{
    journal::Journal,
    quota::{Held, Quota, check_columns},
    sibling::Sibling,
    turns::Turns,
};
use crate::{
    config::OnNewTable,
    model::{DeadLetter, Marker, Operation, Settlement, TableBatch},
    plugin::{DestinationConnection, WriteOutcome, WriteRequest},
    runner::{
        context::SchemaContext,
        error::RunError,
        letters::{Brought, Letters, by_reason, by_table},
        table::{Table, Tables},
        tally::Measured,
    },
};

/// What one commit is made of, as the destination gets it.
#[derive(Debug, Default)]
pub struct Ready {
    /// Tables to empty first.
    pub clear: Vec<String>,
    /// Rows with the columns that their tables have.
    pub tables: Vec<TableBatch>,
    /// Keys of these rows, for tables whose older rows stay meanwhile: they are not counted.
    pub keys: Vec<TableBatch>,
    pub dead_letters: Vec<DeadLetter>,
    pub markers: Vec<Marker>,
    /// Dead letters whose rows come with it.
    pub retry: Option<Settlement>,
    /// A refused row is no dead letter yet: it fails the commit.
    pub is_part: bool,
}

/// The only writer of a schema in this process.
pub struct Writer {
    pub context: Arc<SchemaContext>,
    pub destination: DestinationConnection,
    pub epoch: u64,
    /// Held while a batch is made ready, never during the commit itself.
    pub tables: Mutex<Tables>,
    /// Tables that are parked or paused: whatever comes of them is passed over.
    pub aside: BTreeSet<String>,
    pub turns: Turns,
    commits: AtomicU64,
    pub journal: Journal,
    quota: Quota,
}

impl Writer {
    pub fn new(
        context: Arc<SchemaContext>,
        destination: DestinationConnection,
        epoch: u64,
        tables: Tables,
        aside: BTreeSet<String>,
    ) -> Self {
        let journal = Journal::new(Arc::clone(&context), destination.clone());
        let (tables, commits) = (Mutex::new(tables), AtomicU64::new(0));
        let (turns, quota) = (Turns::default(), Quota::default());
        Self { context, destination, epoch, tables, aside, turns, commits, journal, quota }
    }

    /// Whether what comes of this table is for the destination.
    pub fn follows(&self, table: &str) -> bool {
        self.context.selects(table) && !self.aside.contains(table)
    }

    /// Whether a table that comes without being known is one that is left out, and not a source's fault.
    pub fn passes_over_unknown(&self) -> bool {
        self.context.schema.on_new_table == OnNewTable::Ignore
    }

    pub async fn close(self) {
        self.destination.close().await;
    }

    /// Commits so far; the runner's retries start anew after each.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// The counts of what the schema may write, while something is being written.
    pub async fn count(&self) -> Result<Held<'_>, RunError> {
        self.quota.hold(&self.context, &self.destination).await
    }

    /// Commits rows, dead letters and markers together.
    pub async fn commit(&self, ready: Ready) -> Result<(), RunError> {
        self.commit_over(None, ready).await
    }

    /// The same over another connection, which knows the tables.
    pub async fn commit_over(
        &self,
        sibling: Option<&Sibling>,
        ready: Ready,
    ) -> Result<(), RunError> {
        let Ready { clear, mut tables, keys, dead_letters, mut markers, retry, is_part } = ready;
        check_markers(&markers)?;
        let open = &self.context.letters;
        let measured: Vec<_> = tables.iter().map(Measured::of).collect();
        // One that is refused again is open already.
        let is_retry = retry.is_some();
        let letters = if is_retry { Letters::new() } else { by_table(&dead_letters) };
        let brought = Brought::of(&clear, &measured, letters);
        let mut counted = None;
        if !dead_letters.is_empty() {
            // From here on one commit with letters at a time: the next one counts these.
            counted = Some(self.count().await?);
        }
        let admitted = open.admit(&self.destination, &brought).await;
        admitted.map_err(|error| uncommitted(error, &dead_letters))?;
        if let Some(held) = &mut counted {
            held.add_letters(&dead_letters)?;
            markers.push(held.marker());
        }
        let started = Instant::now();
        tables.extend(keys);
        let request = WriteRequest {
            schema_name: self.context.name().to_owned(),
            clear_tables: clear,
            tables,
            dead_letters,
            markers,
            epoch: self.epoch,
            dead_letter_rejected: self.context.config.error_handling.dead_letter_queue && !is_part,
            retry,
        };
        let destination = sibling.map_or(&self.destination, |sibling| &sibling.destination);
        let mut outcome = destination.write_batch(request).await?;
        self.count_commit();
        // A key is refused with its row; its letter ends with the sweep.
        outcome.rejected.retain(|row| row.batch < measured.len());
        open.committed(&brought);
        if let Some(counted) = counted {
            counted.committed();
        }
        self.record(&measured, brought.letters.values().sum(), &outcome, started);
        if is_retry {
            return Ok(());
        }
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
        let mut letters = Letters::new();
        for batch in outcome.rejected.iter().filter_map(|row| measured.get(row.batch)) {
            *letters.entry(batch.table.clone()).or_default() += 1;
        }
        let brought = Brought { letters, ..Brought::default() };
        self.context.letters.committed(&brought);
        let mut held = self.count().await?;
        let bytes = outcome.rejected.iter().map(|row| {
            let of_row = measured.get(row.batch).map_or(0, Measured::bytes_per_row);
            of_row + row.message.len() as u64
        });
        let table = measured.get(last.batch).map_or("", |batch| batch.table.as_str());
        let within = held.add_letter_bytes(table, bytes.sum());
        self.commit_markers(vec![held.marker()]).await?;
        held.committed();
        within?;
        self.context.letters.check_committed(&self.destination, &brought.letters).await
    }

    /// Makes the table at the destination, or adopts the one that is there.
    pub async fn create_table(&self, table: &Table) -> Result<(), RunError> {
        check_columns(&self.context, table)?;
        let (schema, plan) = (self.context.name(), table.plan());
        let made = self.destination.create_table_if_not_exists(schema, &plan, self.epoch).await;
        Ok(made.map_err(|error| error.about(&plan.name))?)
    }

    /// Commits markers alone.
    pub async fn commit_markers(&self, markers: Vec<Marker>) -> Result<(), RunError> {
        check_markers(&markers)?;
        self.destination.update_marker(self.context.name(), markers, self.epoch).await?;
        self.count_commit();
        Ok(())
    }

    pub(super) fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
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
        self.tell_refused(measured, outcome);
        self.context.tally.add(measured, letters + outcome.rejected.len() as u64);
    }

    /// One line for the rows of a table that were refused for one reason; the first of them speaks for all.
    fn tell_refused(&self, measured: &[Measured], outcome: &WriteOutcome) {
        let table =
            |batch: usize| measured.get(batch).map_or("", |of: &Measured| of.table.as_str());
        let rows = outcome.rejected.iter().map(|row| (table(row.batch), row.code.as_str(), row));
        for ((table, code), (first, rows)) in by_reason(rows) {
            if self.context.destination.log.admits("refused rows") {
                let message = &first.message;
                tracing::warn!(
                    table,
                    code,
                    rows,
                    "the destination refused rows, they are dead letters: {message}"
                );
            }
        }
    }
}

/// Letters of a commit that is not made are nowhere to be looked at, so the error says what they are.
fn uncommitted(error: RunError, letters: &[DeadLetter]) -> RunError {
    let RunError::DeadLetterLimit { schema, table, found } = error else { return error };
    let of_table = letters.iter().filter(|letter| letter.table == table);
    let count = of_table.clone().count();
    let found = match of_table.clone().next() {
        None => found,
        Some(DeadLetter { origin, code, message, .. }) => format!(
            "{found}; {count} of them came with a commit that was not made, so they are not kept: the first, \
             of {origin} ({code}): {message}"
        ),
    };
    RunError::DeadLetterLimit { schema, table, found }
}

/// What could not be read back is not stored.
pub(super) fn check_markers(markers: &[Marker]) -> Result<(), RunError> {
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

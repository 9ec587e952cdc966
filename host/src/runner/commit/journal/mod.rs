//! What happened, for people and their dashboards to query beside the data: the tables `sync_runs`,
//! `error_log` and `schema_registry` of the destination's metadata schema.
//!
//! They are ordinary tables, written by the calls that write data and under an epoch of their own, so
//! every destination with a metadata schema has them and no connector knows them. Nothing here
//! decides anything: what cannot be written is a warning and never an error of the pipeline.

mod entry;
mod retention;
mod tables;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};

use crate::{
    model::{Action, TableBatch},
    plugin::{Cause, DestinationConnection, PluginError, WriteRequest},
    runner::{context::SchemaContext, error::RunError},
};
pub use entry::{Ending, Entry, Failed, sha256};
use retention::Retention;

/// How long an entry may take: a pipeline does not wait for its journal.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many entries wait for the next one where the destination took too long.
const UNWRITTEN_MAX: usize = 64;
/// Processes share the journal and claim it from each other; the schemas of one take turns.
const CLAIMS_MAX: u32 = 5;

/// The journal of one connection.
pub struct Journal {
    context: Arc<SchemaContext>,
    destination: DestinationConnection,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// None until the first entry, and after another schema has claimed the journal.
    epoch: Option<u64>,
    tables_made: bool,
    /// Oldest first. A row that was written without an answer is written again, by its key.
    unwritten: VecDeque<TableBatch>,
    retention: Retention,
}

impl Journal {
    pub fn new(context: Arc<SchemaContext>, destination: DestinationConnection) -> Self {
        Self { context, destination, state: Mutex::default() }
    }

    /// Writes an entry, if the destination has a place for it, and those before it that could not be
    /// written; false when that failed.
    pub async fn write(&self, entry: &Entry<'_>) -> bool {
        if !self.context.destination.plugin.info.has("metadata-schema") {
            return true;
        }
        let written = match timeout(PATIENCE, self.try_write(entry)).await {
            Ok(written) => written.map_err(|error| error.chain()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        };
        if let Err(error) = &written
            && self.context.destination.log.admits("journal")
        {
            tracing::warn!(table = entry.table(), error, "the journal could not be written");
        }
        written.is_ok()
    }

    async fn try_write(&self, entry: &Entry<'_>) -> Result<(), RunError> {
        let mut state = self.state.lock().await;
        if state.unwritten.len() == UNWRITTEN_MAX {
            state.unwritten.pop_front();
        }
        state.unwritten.push_back(entry.row(&self.context)?);
        let _turn = self.context.journal_turn.lock().await;
        let mut claims = 0;
        loop {
            let epoch = match state.epoch {
                Some(epoch) => epoch,
                None => self.claim(&mut state).await?,
            };
            match self.deliver(&mut state, epoch, entry.table()).await {
                Err(error) if error.is_fenced() && claims < CLAIMS_MAX => {
                    state.epoch = None;
                    claims += 1;
                }
                Err(error) if !may_pass(&error) => {
                    // What this destination refuses must not keep later entries out.
                    state.unwritten.clear();
                    return Err(error);
                }
                delivered => return delivered,
            }
        }
    }

    async fn claim(&self, state: &mut State) -> Result<u64, PluginError> {
        let schema = self.schema();
        self.destination.create_schema_if_not_exists(schema).await?;
        let epoch = self.destination.claim_schema(schema, &self.context.run).await?;
        state.epoch = Some(epoch);
        Ok(epoch)
    }

    /// Writes what waits, and ends what is too old of the table that it is about.
    async fn deliver(&self, state: &mut State, epoch: u64, table: &str) -> Result<(), RunError> {
        let schema = self.schema();
        if !state.tables_made {
            for plan in tables::plans() {
                self.destination.create_table_if_not_exists(schema, &plan, epoch).await?;
            }
            state.tables_made = true;
        }
        self.commit(state.unwritten.iter().cloned().collect(), epoch).await?;
        state.unwritten.clear();
        let keep = self.context.config.monitoring.journal_retention.duration();
        if keep.is_zero() {
            return Ok(());
        }
        let place = (&self.destination, schema);
        match state.retention.next(place, table, &self.context.pipeline, keep).await? {
            Some(ends) => self.commit(vec![ends], epoch).await,
            None => Ok(()),
        }
    }

    async fn commit(&self, tables: Vec<TableBatch>, epoch: u64) -> Result<(), RunError> {
        let request = WriteRequest {
            schema_name: self.schema().to_owned(),
            clear_tables: Vec::new(),
            tables,
            dead_letters: Vec::new(),
            markers: Vec::new(),
            epoch,
            dead_letter_rejected: false,
            retry: None,
        };
        self.destination.write_batch(request).await?;
        Ok(())
    }

    fn schema(&self) -> &str {
        &self.context.config.destination.metadata_schema
    }
}

fn may_pass(error: &RunError) -> bool {
    let RunError::Plugin(error) = error else { return false };
    matches!(&error.cause, Cause::Failure(failure) if failure.action == Action::Retry)
}

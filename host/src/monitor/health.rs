//! What every schema is doing, for people and for probes.
//!
//! Shared state that the runner writes and `api` and `status` read. Holds words and counts, never
//! row values; keeping secrets out of error texts is the writer's duty.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use serde::Serialize;
use tokio::sync::broadcast;

use super::{
    event::Event,
    events::Listeners,
    proof::LastProof,
    states::{SchemaState, TableStatus},
};

/// How far the snapshot of a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableProgress {
    /// Rows committed to the destination.
    pub rows_done: u64,
    /// What the source guessed beforehand, if it could.
    pub rows_estimated: Option<u64>,
}

/// Why a table is left out until a person has it copied again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParkedTable {
    /// A stable word for the kind of error.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What mends it, and what to do then.
    pub help: String,
    /// Since when, in UTC as in RFC 3339.
    pub since: String,
}

/// The log that a source keeps for a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceLog {
    /// A sentence of the source's.
    pub words: String,
    pub bytes: Option<u64>,
}

/// A schema as the probes show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SchemaHealth {
    #[serde(flatten)]
    pub state: SchemaState,
    pub tables: BTreeMap<String, TableProgress>,
    /// Tables that failed and are left out, while the others go on.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parked: BTreeMap<String, ParkedTable>,
    /// Dead letters that nobody has settled, by table.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dead_letters: BTreeMap<String, u64>,
    /// Why the log that the source keeps is too much, or nearly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained: Option<String>,
    /// What came of the last comparison of its rows.
    #[serde(rename = "verify", skip_serializing_if = "Option::is_none")]
    pub proof: Option<LastProof>,
    /// Where each table is that is known, the parked ones and the paused ones too.
    #[serde(skip)]
    pub states: BTreeMap<String, TableStatus>,
    /// The log that the source keeps, as of the last look at it: a sentence of the source's, and bytes.
    #[serde(skip)]
    pub source_log: Option<SourceLog>,
    /// It has worked since the start: a schema that lost its source later is still ready.
    #[serde(skip)]
    pub has_worked: bool,
    /// Since when it tries again without a commit in between, if it does.
    #[serde(skip)]
    pub retrying_since: Option<Instant>,
}

/// The health of one process. A clone is the same state.
#[derive(Clone, Debug, Default)]
pub struct Health {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    started: AtomicBool,
    schemas: Mutex<BTreeMap<String, SchemaHealth>>,
    listeners: Listeners,
}

impl Health {
    /// All these schemas are [`SchemaState::Starting`].
    pub fn new<S: Into<String>>(schemas: impl IntoIterator<Item = S>) -> Self {
        let health = Self::default();
        for schema in schemas {
            health.set(&schema.into(), SchemaState::Starting);
        }
        health
    }

    /// These schemas begin again, and there are no others.
    pub fn begin_again<S: Into<String>>(&self, schemas: impl IntoIterator<Item = S>) {
        let names: BTreeSet<String> = schemas.into_iter().map(Into::into).collect();
        self.schemas().retain(|schema, _| names.contains(schema));
        names.iter().for_each(|schema| self.set(schema, SchemaState::Starting));
    }

    /// Connectors are opened and the first connections are made: `/startup` says yes from now on.
    pub fn set_started(&self) {
        self.inner.started.store(true, Ordering::Release);
    }

    /// True after [`Self::set_started`].
    pub fn is_started(&self) -> bool {
        self.inner.started.load(Ordering::Acquire)
    }

    /// The schema is in this state from now on.
    pub fn set(&self, schema: &str, state: SchemaState) {
        let mut schemas = self.schemas();
        let entry = entry(&mut schemas, schema);
        use SchemaState::{
            Completed, Failed, Retrying, Snapshotting, Standby, Starting, Stopped, Streaming,
        };
        entry.has_worked |= match state {
            // Who waits does what it is for; a rollout waits until it is ready before it ends the other.
            Standby { .. } | Snapshotting | Streaming | Completed | Stopped => true,
            Starting | Retrying { .. } | Failed { .. } => false,
        };
        // The first try after a commit begins a new count. Connections that are made between tries end none.
        if let Retrying { attempt, .. } = state
            && (attempt == 1 || entry.retrying_since.is_none())
        {
            entry.retrying_since = Some(Instant::now());
        }
        self.inner.listeners.schema(schema, &entry.state, &state);
        entry.state = state;
    }

    /// How far a table is from now on.
    pub fn set_progress(&self, schema: &str, table: &str, progress: TableProgress) {
        entry(&mut self.schemas(), schema).tables.insert(table.to_owned(), progress);
    }

    /// These tables of a schema are parked from now on, and no others.
    pub fn set_parked(&self, schema: &str, parked: BTreeMap<String, ParkedTable>) {
        entry(&mut self.schemas(), schema).parked = parked;
    }

    /// These are the tables of a schema from now on.
    pub fn set_tables(&self, schema: &str, tables: BTreeMap<String, TableStatus>) {
        let mut schemas = self.schemas();
        let states = &mut entry(&mut schemas, schema).states;
        self.inner.listeners.tables(schema, states, &tables);
        *states = tables;
    }

    /// A table of a schema is here in its life from now on.
    pub fn set_table(&self, schema: &str, table: &str, status: TableStatus) {
        let mut schemas = self.schemas();
        let entry = entry(&mut schemas, schema);
        self.inner.listeners.table(schema, table, entry.states.get(table), Some(&status));
        if let Some(proof) = entry.proof.as_mut().filter(|_| status.state == "copying") {
            proof.forget(table);
        }
        entry.states.insert(table.to_owned(), status);
    }

    /// The source has dropped a table, and nothing is known of it any more.
    pub fn forget_table(&self, schema: &str, table: &str) {
        let mut schemas = self.schemas();
        let entry = entry(&mut schemas, schema);
        let gone = entry.states.remove(table);
        if let Some(proof) = &mut entry.proof {
            proof.forget(table);
        }
        self.inner.listeners.table(schema, table, gone.as_ref(), None);
    }

    /// What the source says of the log that it keeps.
    pub fn set_source_log(&self, schema: &str, log: SourceLog) {
        entry(&mut self.schemas(), schema).source_log = Some(log);
    }

    /// The tables of a schema that are parked.
    pub fn parked(&self, schema: &str) -> BTreeMap<String, ParkedTable> {
        self.schemas().get(schema).map(|health| health.parked.clone()).unwrap_or_default()
    }

    /// These tables of a schema have so many open dead letters from now on, and no others any.
    pub fn set_dead_letters(&self, schema: &str, open: BTreeMap<String, u64>) {
        entry(&mut self.schemas(), schema).dead_letters = open;
    }

    /// The source keeps too much log of a schema from now on, or nearly, in words; or not any more.
    pub fn set_retained(&self, schema: &str, words: Option<String>) {
        entry(&mut self.schemas(), schema).retained = words;
    }

    /// What came of a comparison of a schema's rows.
    pub fn set_proof(&self, schema: &str, proof: LastProof) {
        let mut schemas = self.schemas();
        let last = &mut entry(&mut schemas, schema).proof;
        self.inner.listeners.proof(schema, last.as_ref(), &proof);
        *last = Some(proof);
    }

    /// So many rows of a table that drifted were written again; how many are left.
    pub fn repaired(&self, schema: &str, table: &str, rows: u64) -> u64 {
        let mut schemas = self.schemas();
        let proof = &mut entry(&mut schemas, schema).proof;
        proof.as_mut().map_or(0, |proof| proof.repaired(table, rows))
    }

    /// A comparison came to no end; what is known stays.
    pub fn proof_failed(&self, schema: &str, error: String) {
        let mut schemas = self.schemas();
        entry(&mut schemas, schema).proof.get_or_insert_default().error = Some(error);
    }

    /// The state of a schema, if anybody spoke of it.
    pub fn get(&self, schema: &str) -> Option<SchemaState> {
        self.schemas().get(schema).map(|health| health.state.clone())
    }

    /// What changes from now on. Who is too far behind is told how much was lost.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.inner.listeners.listen()
    }

    /// What changed lately, the oldest first: the last events but for those of tables whose work goes on.
    pub fn recent(&self) -> Vec<Event> {
        self.inner.listeners.recent()
    }

    /// Everything, as of now.
    pub fn snapshot(&self) -> BTreeMap<String, SchemaHealth> {
        self.schemas().clone()
    }

    // Every write is a single assignment, so a panicking writer leaves nothing half done.
    fn schemas(&self) -> MutexGuard<'_, BTreeMap<String, SchemaHealth>> {
        self.inner.schemas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry<'a>(
    schemas: &'a mut BTreeMap<String, SchemaHealth>,
    schema: &str,
) -> &'a mut SchemaHealth {
    schemas.entry(schema.to_owned()).or_insert_with(|| SchemaHealth {
        state: SchemaState::Starting,
        tables: BTreeMap::new(),
        parked: BTreeMap::new(),
        dead_letters: BTreeMap::new(),
        retained: None,
        proof: None,
        states: BTreeMap::new(),
        source_log: None,
        has_worked: false,
        retrying_since: None,
    })
}

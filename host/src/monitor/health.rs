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
};

use serde::Serialize;

/// The state of one schema. As JSON: `{"state": "retrying", "attempt": 2, "error": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SchemaState {
    /// Opening connectors and connecting; set when the process begins.
    Starting,
    /// Reading tables whole; set by the runner once both sides are connected.
    Snapshotting,
    /// Following the change stream.
    Streaming,
    /// Waiting to try again, or trying.
    Retrying { attempt: u32, error: String },
    /// A batch run, or `--until-caught-up`, reached its end.
    Completed,
    /// Ended because somebody asked for it.
    Stopped,
    /// Ended by an error that trying again cannot mend.
    Failed { error: String },
}

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
    /// It has worked since the start: a schema that lost its source later is still ready.
    #[serde(skip)]
    pub has_worked: bool,
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
            Completed, Failed, Retrying, Snapshotting, Starting, Stopped, Streaming,
        };
        entry.has_worked |= match state {
            Snapshotting | Streaming | Completed | Stopped => true,
            Starting | Retrying { .. } | Failed { .. } => false,
        };
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

    /// The state of a schema, if anybody spoke of it.
    pub fn get(&self, schema: &str) -> Option<SchemaState> {
        self.schemas().get(schema).map(|health| health.state.clone())
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
        has_worked: false,
    })
}

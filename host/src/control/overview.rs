//! `GET /v1/overview`: a run in a few numbers, however many tables it has.

use std::{cmp::Reverse, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    status::plugin_view,
    view::{PluginView, SourceLogView},
};
use crate::{
    monitor::{Event, Health, LastProof, Metrics, TableNumbers, health::SchemaHealth},
    runner::UNAPPROVED,
};

/// Schemas that are shown one by one (I7).
const SCHEMAS_SHOWN_MAX: usize = 200;
/// Tables that are shown of one of them, for what was found when rows were compared.
const REMARKS_SHOWN_MAX: usize = 5;

/// A run, as of now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Overview {
    /// The pipeline's name.
    pub pipeline: String,
    /// The program's version.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// When the process began, as in RFC 3339.
    pub since: String,
    /// All schemas together.
    pub total: Totals,
    /// The schemas that need a person first, then the others by lag.
    pub schemas: Vec<SchemaOverview>,
    /// Schemas beyond those that are shown.
    pub schemas_left_out: usize,
    pub plugins: Vec<PluginView>,
    /// What changed lately, the oldest first: the last 100 events but for those of tables whose work goes on.
    pub events: Vec<Event>,
}

/// What can be added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// The largest lag.
    pub lag_seconds: f64,
    /// Rows that this process made durable in the destination.
    pub rows: u64,
    /// The mean of the last minute.
    pub rows_per_second: f64,
    /// How many tables are in each state.
    pub tables: BTreeMap<String, u64>,
    /// Dead letters that nobody has settled.
    pub dead_letters: u64,
    /// Tables that wait for a change of shape to be approved.
    pub approvals: u64,
    /// Tables whose rows were not their source's when they were compared last.
    #[serde(default)]
    pub drifted: u64,
    /// How many schemas are in each state.
    pub schemas: BTreeMap<String, u64>,
}

/// A schema of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaOverview {
    pub schema: String,
    /// `starting`, `standby`, `snapshotting`, `streaming`, `retrying`, `completed`, `stopped` or `failed`.
    pub state: String,
    /// Failures in a row, where it is retrying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why it is retrying or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The log that the source keeps for it, as of the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_log: Option<SourceLogView>,
    /// Why that log is too much, or nearly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_log_warning: Option<String>,
    /// What came of the last comparison of its rows, with remarks of the first tables that drifted alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<LastProof>,
    #[serde(flatten)]
    pub numbers: Totals,
}

/// The run of a pipeline since then.
pub fn overview(pipeline: &str, since: &str, health: &Health, metrics: &Metrics) -> Overview {
    let each = health.snapshot().into_iter();
    let mut schemas: Vec<SchemaOverview> =
        each.map(|(name, schema)| schema_overview(name, schema, metrics)).collect();
    let mut total = Totals::default();
    schemas.iter().for_each(|schema| total.add(&schema.numbers));
    schemas.sort_by(|a, b| {
        let lags = b.numbers.lag_seconds.total_cmp(&a.numbers.lag_seconds);
        Reverse(a.urgency()).cmp(&Reverse(b.urgency())).then(lags).then(a.schema.cmp(&b.schema))
    });
    let schemas_left_out = schemas.len().saturating_sub(SCHEMAS_SHOWN_MAX);
    schemas.truncate(SCHEMAS_SHOWN_MAX);
    Overview {
        pipeline: pipeline.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        since: since.to_owned(),
        total,
        schemas,
        schemas_left_out,
        plugins: metrics.plugins().into_iter().map(plugin_view).collect(),
        events: health.recent(),
    }
}

impl SchemaOverview {
    /// How much it needs a person.
    fn urgency(&self) -> u8 {
        let left_out = ["parked", "again"].iter().any(|it| self.numbers.tables.contains_key(*it));
        match self.state.as_str() {
            "failed" => 3,
            "retrying" => 2,
            _ if left_out || self.numbers.drifted > 0 || self.numbers.dead_letters > 0 => 1,
            _ => 0,
        }
    }
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.lag_seconds = self.lag_seconds.max(other.lag_seconds);
        self.rows = self.rows.saturating_add(other.rows);
        self.rows_per_second += other.rows_per_second;
        self.dead_letters = self.dead_letters.saturating_add(other.dead_letters);
        self.approvals += other.approvals;
        self.drifted += other.drifted;
        let pairs = [(&mut self.tables, &other.tables), (&mut self.schemas, &other.schemas)];
        for (all, more) in pairs {
            for (state, count) in more {
                *all.entry(state.clone()).or_default() += count;
            }
        }
    }
}

fn brief(proof: LastProof) -> LastProof {
    let drifted = proof.drifted().take(REMARKS_SHOWN_MAX);
    let remarks = drifted.map(|(table, found)| (table.clone(), found.clone())).collect();
    LastProof { remarks, ..proof }
}

fn schema_overview(name: String, schema: SchemaHealth, metrics: &Metrics) -> SchemaOverview {
    let of_schema = metrics.schema(&name);
    let numbers = of_schema.numbers();
    let all = numbers.into_values().fold(TableNumbers::default(), TableNumbers::and);
    let (attempt, error) = schema.state.failure();
    let state = schema.state.word().to_owned();
    let mut tables = BTreeMap::<String, u64>::new();
    let mut approvals = 0;
    for status in schema.states.values() {
        *tables.entry(status.state.to_owned()).or_default() += 1;
        approvals += u64::from(status.code.as_deref() == Some(UNAPPROVED));
    }
    let numbers = Totals {
        lag_seconds: of_schema.lag().as_secs_f64(),
        rows: all.rows,
        rows_per_second: all.rows_per_second,
        tables,
        dead_letters: schema.dead_letters.values().fold(0, |sum, it| sum.saturating_add(*it)),
        approvals,
        drifted: schema.proof.as_ref().map_or(0, |proof| proof.tables_drifted()),
        schemas: BTreeMap::from([(state.clone(), 1)]),
    };
    SchemaOverview {
        schema: name,
        state,
        attempt,
        error,
        source_log: schema
            .source_log
            .map(|log| SourceLogView { words: log.words, bytes: log.bytes }),
        source_log_warning: schema.retained,
        verify: schema.proof.map(brief),
        numbers,
    }
}

//! What `GET /v1/status` answers. Serialised by the run, read by the command.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::monitor::{LastProof, TableProof};

/// A run, as of now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The pipeline's name.
    pub pipeline: String,
    /// The program's version.
    pub version: String,
    /// The number of its process.
    pub process: u32,
    /// When the process began, as in RFC 3339.
    pub since: String,
    pub schemas: BTreeMap<String, SchemaView>,
    pub plugins: Vec<PluginView>,
    /// Tables of all schemas beyond those that are shown.
    pub tables_left_out: usize,
}

/// A schema of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SchemaView {
    /// `starting`, `standby`, `snapshotting`, `streaming`, `retrying`, `completed`, `stopped` or `failed`.
    pub state: String,
    /// Failures in a row, where it is retrying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why it is retrying or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How far it is behind its source.
    pub lag_seconds: f64,
    /// Rows that this process made durable in the destination, of all tables.
    pub rows: u64,
    /// The mean of the last minute.
    pub rows_per_second: f64,
    /// The log that the source keeps for it, as of the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_log: Option<SourceLogView>,
    /// What came of the last comparison of its rows; none before the first, and without `verify.every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<LastProof>,
    /// Its tables; none before its first attempt has looked.
    pub tables: BTreeMap<String, TableView>,
}

/// The log that a source keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceLogView {
    /// A sentence of the source's, with its position.
    pub words: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A table of a schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableView {
    /// `pending`, `copying`, `streaming`, `again`, `parked` or `paused`.
    pub state: String,
    /// Since when it is left out, as in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is parked: a stable word, and what happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What mends it, and how it comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    pub lag_seconds: f64,
    /// Rows that this process made durable in the destination.
    pub rows: u64,
    pub rows_per_second: f64,
    /// Rows of its copy that are committed, where this process copies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_rows: Option<u64>,
    /// How many the source expects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_rows: Option<u64>,
    /// How long its copy takes yet at the present rate, where both are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_seconds_left: Option<f64>,
    /// Dead letters that nobody has settled.
    pub dead_letters: u64,
    /// What the last comparison of its rows found, where they are not known to be equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<TableProof>,
}

/// A connector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginView {
    pub plugin: String,
    /// `source` or `destination`.
    pub role: String,
    /// Linear memory of its instances.
    pub memory_bytes: u64,
    /// CPU time that they used since the start.
    pub cpu_seconds: f64,
    /// Calls of its exports that ended, well or not.
    #[serde(default)]
    pub calls: u64,
    /// Instances that were opened in place of lost ones.
    pub restarts: u64,
}

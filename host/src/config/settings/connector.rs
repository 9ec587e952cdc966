//! The two ends of a pipeline.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Grants, Limits};
use crate::config::values::{ByteCount, ConnectionString};

/// Where changes are read, and by which connector.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The connector's name in the plugin directory, such as `files` or `postgresql`.
    pub r#type: String,
    /// How the connector finds its data; this or `connection_string_file`. A text that starts with
    /// `./` or `../` is a path relative to the configuration file. `${secrets.NAME}` takes a secret of
    /// `grants.secrets` anew at each connection, percent-encoded in a URL.
    #[serde(default)]
    pub connection_string: Option<ConnectionString>,
    /// A file whose content is the connection string, so that the secret stays out of this file; read
    /// at each connection.
    #[serde(default)]
    pub connection_string_file: Option<PathBuf>,
    /// The database to read, where the connection string does not name it.
    #[serde(default)]
    pub database: Option<String>,
    /// The column that tells when a row changed, for the `timestamp` strategy.
    #[serde(default = "default_change_detection_column")]
    pub change_detection_column: String,
    /// How changes are found: `log` sees everything, `timestamp` never sees deletes, `trigger`
    /// needs triggers in the source. The connector says which it supports. Without this key it is
    /// `log` where the connector has that, else the only one that it has.
    #[serde(default)]
    pub change_detection_strategy: Option<ChangeDetectionStrategy>,
    /// How much log the source's system may keep for one schema of this pipeline: a line of the log and
    /// `/health` warn from four fifths of it on, and `on_max_retained` says what happens when it is
    /// reached. Only for connectors whose system keeps log until it was delivered.
    #[serde(default)]
    pub max_retained: Option<ByteCount>,
    /// What happens when `max_retained` is reached: `keep` says so and lets the log grow; `release` gives
    /// the schema's log up, so that the source's disk does not run full: its position is lost then, and
    /// `on_lost_position` says what follows.
    #[serde(default)]
    pub on_max_retained: OnMaxRetained,
    /// The time zone of the source's times that carry none.
    #[serde(default = "default_timezone")]
    pub timezone: String,
    /// The path of the connector's component, instead of a look-up by `type`.
    #[serde(default)]
    pub plugin: Option<PathBuf>,
    /// The component's SHA-256 in hex; any other bytes are refused.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The connector's own options, checked against the schema it publishes.
    #[serde(default)]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// What the connector may touch; nothing unless granted.
    #[serde(default)]
    pub grants: Grants,
    /// How much the connector may use.
    #[serde(default)]
    pub limits: Limits,
}

/// Where changes are written, and by which connector.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DestinationConfig {
    /// The connector's name in the plugin directory, such as `sqlite` or `postgresql`.
    pub r#type: String,
    /// How the connector finds its database; this or `connection_string_file`. A text that starts
    /// with `./` or `../` is a path relative to the configuration file. `${secrets.NAME}` takes a
    /// secret of `grants.secrets` anew at each connection, percent-encoded in a URL.
    #[serde(default)]
    pub connection_string: Option<ConnectionString>,
    /// A file whose content is the connection string, so that the secret stays out of this file; read
    /// at each connection.
    #[serde(default)]
    pub connection_string_file: Option<PathBuf>,
    /// The database to write, where the connection string does not name it.
    #[serde(default)]
    pub database: Option<String>,
    /// The schema in the destination that holds positions, runs and dead letters.
    #[serde(default = "default_metadata_schema")]
    pub metadata_schema: String,
    /// The path of the connector's component, instead of a look-up by `type`.
    #[serde(default)]
    pub plugin: Option<PathBuf>,
    /// The component's SHA-256 in hex; any other bytes are refused.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The connector's own options, checked against the schema it publishes.
    #[serde(default)]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// What the connector may touch; nothing unless granted.
    #[serde(default)]
    pub grants: Grants,
    /// How much the connector may use.
    #[serde(default)]
    pub limits: Limits,
}

/// How a source finds what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ChangeDetectionStrategy {
    /// The source's own change log.
    Log,
    /// A column that moves with every change; deletes are not seen.
    Timestamp,
    /// Triggers that write a change table.
    Trigger,
}

/// What happens when a source keeps more log than it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum OnMaxRetained {
    /// It is said, and the log grows.
    #[default]
    Keep,
    /// The log is given up, and the schema's position with it.
    Release,
}

impl SourceConfig {
    /// A source of that type with every other value at its default.
    #[must_use]
    pub fn new(r#type: impl Into<String>, connection_string: impl Into<String>) -> Self {
        Self {
            r#type: r#type.into(),
            connection_string: Some(ConnectionString::new(connection_string)),
            connection_string_file: None,
            database: None,
            change_detection_column: default_change_detection_column(),
            change_detection_strategy: None,
            max_retained: None,
            on_max_retained: OnMaxRetained::default(),
            timezone: default_timezone(),
            plugin: None,
            sha256: None,
            options: serde_json::Map::new(),
            grants: Grants::default(),
            limits: Limits::default(),
        }
    }
}

impl DestinationConfig {
    /// A destination of that type with every other value at its default.
    #[must_use]
    pub fn new(r#type: impl Into<String>, connection_string: impl Into<String>) -> Self {
        Self {
            r#type: r#type.into(),
            connection_string: Some(ConnectionString::new(connection_string)),
            connection_string_file: None,
            database: None,
            metadata_schema: default_metadata_schema(),
            plugin: None,
            sha256: None,
            options: serde_json::Map::new(),
            grants: Grants::default(),
            limits: Limits::default(),
        }
    }
}

fn default_change_detection_column() -> String {
    "updated_at".to_owned()
}

fn default_timezone() -> String {
    "UTC".to_owned()
}

fn default_metadata_schema() -> String {
    "cartridge_warp_metadata".to_owned()
}

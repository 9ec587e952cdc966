//! A case of the conformance kit: a connector's section, the tables to try it with, and its author's driver.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DestinationConfig, SourceConfig, columns::types_schema};
use crate::model::ColumnType;

/// What `connectors test` needs to know beside the component.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KitCase {
    /// How a source is opened, as in a pipeline; this or `destination`.
    #[serde(default)]
    pub source: Option<SourceConfig>,
    /// How a destination is opened, as in a pipeline; this or `source`.
    #[serde(default)]
    pub destination: Option<DestinationConfig>,
    /// The schema that the tables are in.
    pub schema: String,
    /// The tables that are written and read, by their names. The driver makes those of a source.
    pub tables: BTreeMap<String, KitTable>,
    /// The author's program and its arguments: it writes to a source, or reads a destination, past the
    /// connector. A program with a slash in its name is looked for from the case's directory on, in which
    /// it runs.
    pub driver: Vec<String>,
    /// What the driver of a source can write, `insert` among it; all three where it is not said. What is left
    /// out is not tried.
    #[serde(default)]
    pub operations: Option<Vec<KitOperation>>,
    /// What the driver does beside what every driver has to: checks that need it are made then.
    #[serde(default)]
    pub driver_can: Vec<KitAbility>,
    /// Options that the connector has to refuse: each is laid over `options`.
    #[serde(default)]
    pub refused_options: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A table of a case.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KitTable {
    /// Its key columns in order, at least one: each an integer, a bigint, a text or a uuid.
    pub key: Vec<String>,
    /// Its columns with the types of the values that they are given.
    #[schemars(schema_with = "types_schema")]
    pub columns: BTreeMap<String, ColumnType>,
}

/// What a driver writes to a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KitOperation {
    Insert,
    Update,
    Delete,
}

/// What a driver may do, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KitAbility {
    /// Add a column to a table of a source.
    Alter,
    /// Cut the connections that others have to the system.
    Cut,
    /// Start the system anew, and answer when it can be used again.
    Restart,
}

impl KitCase {
    /// Whether the driver of a source can write this.
    #[must_use]
    pub fn writes(&self, operation: KitOperation) -> bool {
        self.operations.as_ref().is_none_or(|operations| operations.contains(&operation))
    }
}

//! One table of a schema.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{SyncMode, at_least_one, yes};
use crate::config::values::{Interval, Names, names_or_map};

/// What a table does differently from its schema.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// The table's name at the source.
    pub name: String,
    /// The table's name at the destination, the whole of it; without it, its own name between the
    /// schema's `table_prefix` and `table_suffix`. A table that was kept under another name before is
    /// copied again, see `schema_evolution.on_rules_change`; the old one stays as it is.
    #[serde(default)]
    pub destination_table: Option<String>,
    /// `stream` or `batch`, where the table differs from its schema.
    #[serde(default)]
    pub mode: Option<SyncMode>,
    /// Rows read from the stream at once; without it, the schema's `default_batch_size`.
    #[serde(default)]
    pub stream_batch_size: Option<NonZeroU32>,
    /// Rows of changes at which a commit closes (what is read at once is never split); more is
    /// faster, less repeats less after a failure.
    #[serde(default = "default_write_batch_size")]
    pub write_batch_size: NonZeroU32,
    /// Rows read at once by the first copy; more is faster and takes more memory.
    #[serde(default = "default_full_load_batch_size")]
    pub full_load_batch_size: NonZeroU32,
    /// How long to wait when there is nothing new; without it, the schema's
    /// `default_polling_interval`.
    #[serde(default)]
    pub polling_interval_seconds: Option<Interval>,
    /// Streams read in parallel; without it, the schema's `default_max_parallel_streams`.
    #[serde(default)]
    pub max_parallel_streams: Option<NonZeroU32>,
    /// Whether the destination's table follows the source's shape; both this and
    /// `schema_evolution.enabled` must allow it.
    #[serde(default = "yes")]
    pub enable_schema_evolution: bool,
    /// `hard` removes a deleted row, `soft` keeps it and marks it.
    #[serde(default)]
    pub deletion_strategy: DeletionStrategy,
    /// The column that marks a row deleted, for the `soft` strategy.
    #[serde(default = "default_soft_delete_column")]
    pub soft_delete_column: String,
    /// The column that says when a row was deleted, for the `soft` strategy.
    #[serde(default = "default_deleted_at_column")]
    pub deleted_at_column: String,
    /// How many of its dead letters may be open; without it, the schema's `dead_letter_limit`.
    #[serde(default)]
    pub dead_letter_limit: Option<u64>,
    /// `upsert` keeps one row per key, `append` keeps every change as a row of its own.
    #[serde(default)]
    pub write_mode: WriteMode,
    /// Which columns are moved, and under which names. Rows that were copied by other rules are copied
    /// again, see `schema_evolution.on_rules_change`.
    #[serde(default)]
    pub columns: Columns,
    /// A condition rows must meet to be moved.
    #[serde(default, rename = "where")]
    pub where_clause: Option<String>,
}

/// Which columns are moved, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Only these columns are moved; empty means all. Keys are always moved.
    pub include: Names,
    /// These columns are not moved; not together with `include`.
    pub exclude: Names,
    /// Columns whose values must not reach the destination: a list (each `redact`), or a map from
    /// column to `redact` or `hash`.
    #[serde(deserialize_with = "names_or_map")]
    #[schemars(schema_with = "mask_schema")]
    pub mask: BTreeMap<String, Mask>,
    /// A map from a column's name at the source to its name at the destination.
    pub rename: BTreeMap<String, String>,
}

/// What replaces the value of a masked column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Mask {
    /// NULL.
    #[default]
    Redact,
    /// The SHA-256 of the value's text in hex, so that equal values stay equal; the column
    /// becomes text.
    Hash,
}

/// What a delete does to the row at the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DeletionStrategy {
    /// Removes it.
    #[default]
    Hard,
    /// Keeps it and marks it in `soft_delete_column`.
    Soft,
}

/// What a change does to the row at the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum WriteMode {
    /// Replaces the row of the same key.
    #[default]
    Upsert,
    /// Adds a row.
    Append,
}

impl TableConfig {
    /// A table of that name with every other value at its default.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            destination_table: None,
            mode: None,
            stream_batch_size: None,
            write_batch_size: default_write_batch_size(),
            full_load_batch_size: default_full_load_batch_size(),
            polling_interval_seconds: None,
            max_parallel_streams: None,
            enable_schema_evolution: true,
            deletion_strategy: DeletionStrategy::default(),
            soft_delete_column: default_soft_delete_column(),
            deleted_at_column: default_deleted_at_column(),
            dead_letter_limit: None,
            write_mode: WriteMode::default(),
            columns: Columns::default(),
            where_clause: None,
        }
    }
}

const fn default_write_batch_size() -> NonZeroU32 {
    at_least_one(500)
}

const fn default_full_load_batch_size() -> NonZeroU32 {
    at_least_one(10_000)
}

fn default_soft_delete_column() -> String {
    "is_deleted".to_owned()
}

fn default_deleted_at_column() -> String {
    "deleted_at".to_owned()
}

fn mask_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "object", "string"],
        "items": {"type": "string"},
        "additionalProperties": {"type": "string", "enum": ["redact", "hash"]},
        "format": "a list of columns, or a map from column to redact or hash",
    })
}

//! One table of a schema.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Columns, SyncMode};
use crate::config::values::{Create, DeadLetterLimit, Interval, TableName};
use crate::model::Condition;

/// What a table does differently from its schema.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    /// The table's name at the source; or a glob (`'*'`, `audit_*`), whose values are the defaults of
    /// the tables that match. What a table says itself wins; of several globs that say something about
    /// a key, the first in the list. Of `columns`, all that are said hold together.
    pub name: TableName,
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
    #[serde(default)]
    #[schemars(extend("default" = 500))]
    pub write_batch_size: Option<NonZeroU32>,
    /// Rows read at once by the first copy; more is faster and takes more memory.
    #[serde(default)]
    #[schemars(extend("default" = 10_000))]
    pub full_load_batch_size: Option<NonZeroU32>,
    /// How long to wait when there is nothing new; without it, the schema's
    /// `default_polling_interval`.
    #[serde(default)]
    pub polling_interval_seconds: Option<Interval>,
    /// Streams read in parallel; without it, the schema's `default_max_parallel_streams`.
    #[serde(default)]
    pub max_parallel_streams: Option<NonZeroU32>,
    /// Whether the destination's table follows the source's shape; both this and
    /// `schema_evolution.enabled` must allow it.
    #[serde(default)]
    #[schemars(extend("default" = true))]
    pub enable_schema_evolution: Option<bool>,
    /// `hard` removes a deleted row, `soft` keeps it and marks it.
    #[serde(default)]
    #[schemars(extend("default" = "hard"))]
    pub deletion_strategy: Option<DeletionStrategy>,
    /// The column that marks a row deleted, for the `soft` strategy.
    #[serde(default)]
    #[schemars(extend("default" = "is_deleted"))]
    pub soft_delete_column: Option<String>,
    /// The column that says when a row was deleted, for the `soft` strategy.
    #[serde(default)]
    #[schemars(extend("default" = "deleted_at"))]
    pub deleted_at_column: Option<String>,
    /// What it gets beside columns and key; without it, what the schema's `create` says, and `none` is nothing. What
    /// is added is made by the next run; what is taken away stays as it is.
    #[serde(default)]
    pub create: Option<Create>,
    /// How many of its dead letters may be open; without it, the schema's `dead_letter_limit`.
    #[serde(default)]
    pub dead_letter_limit: Option<DeadLetterLimit>,
    /// `upsert` keeps one row per key, `append` keeps every change as a row of its own (`docs/logs.md`).
    #[serde(default)]
    #[schemars(extend("default" = "upsert"))]
    pub write_mode: Option<WriteMode>,
    /// `full` copies what the table has before its changes are followed. `none` does not: rows that stand
    /// still are missing at the destination, and one that changes comes with its change. It counts for a table
    /// that was not copied before; what copies a table again copies it whole.
    #[serde(default)]
    #[schemars(extend("default" = "full"))]
    pub initial_copy: Option<InitialCopy>,
    /// Which columns are moved, in which form, under which names, and what is added. Rows that were copied by other rules are copied
    /// again, see `schema_evolution.on_rules_change`.
    #[serde(default)]
    pub columns: Columns,
    /// Which rows the destination has: a condition over the table's columns at the source, such as
    /// `region = 'EU' AND amount >= 10` (`docs/where.md`). A row that no longer fulfils it is deleted there,
    /// one that begins to is inserted. `'TRUE'` lets all rows through, where a glob says otherwise. Rows that
    /// were copied by another condition are copied again, see `schema_evolution.on_rules_change`.
    #[serde(default, rename = "where")]
    pub where_clause: Option<Condition>,
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

/// What is copied of a table before its changes are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum InitialCopy {
    /// All that it has.
    #[default]
    Full,
    /// Nothing.
    None,
}

impl TableConfig {
    /// A table of that name with every other value at its default.
    #[must_use]
    pub fn new(name: impl Into<TableName>) -> Self {
        Self {
            name: name.into(),
            destination_table: None,
            mode: None,
            stream_batch_size: None,
            write_batch_size: None,
            full_load_batch_size: None,
            polling_interval_seconds: None,
            max_parallel_streams: None,
            enable_schema_evolution: None,
            deletion_strategy: None,
            soft_delete_column: None,
            deleted_at_column: None,
            create: None,
            dead_letter_limit: None,
            write_mode: None,
            initial_copy: None,
            columns: Columns::default(),
            where_clause: None,
        }
    }
}

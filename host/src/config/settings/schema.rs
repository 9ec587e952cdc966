//! One schema of the list.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SchemaLimits, SyncMode, TableConfig, at_least_one};
use crate::config::values::{Create, DeadLetterLimit, Interval, Patterns, Schedule};

/// A schema to move, and the defaults of its tables.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaConfig {
    /// The schema's name at the source.
    pub name: String,
    /// `stream` follows changes as they come, `batch` catches up and ends, on its `schedule` if
    /// it has one.
    #[serde(default)]
    pub mode: SyncMode,
    /// When a batch schema runs, as a cron expression; without it, once.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// When the source no longer has the changes after the last commit: `fail` stops the schema
    /// until a person runs `--full-resync`; `resync` copies its tables anew by
    /// itself, as often as `error_handling.max_resyncs` lets it. What was deleted at the source in
    /// the meantime is then gone here, too.
    #[serde(default)]
    pub on_lost_position: OnLostPosition,
    /// When a table cannot be followed for a reason of its own (it lost its key or the right to be
    /// read, a change of its shape is refused, the destination refuses the table, a row is refused):
    /// `park` leaves it out, the others go on, and a person has it copied again; a log
    /// (`write_mode: append`) stops the schema, since its source cannot tell it again. `park-all`
    /// parks logs too: one that comes back begins anew. `stop` stops the schema.
    #[serde(default)]
    pub on_table_failure: OnTableFailure,
    /// What happens to a table that the source has only since the first run, unless the configuration
    /// names it (in `tables`, or as it is in a whitelist): `copy` has it copied and followed; `log-only`
    /// follows it without copying what it has already; `ignore` leaves it out; `stop` stops the schema
    /// until it is named or left out. A table that got another name at its source is a new one.
    #[serde(default)]
    pub on_new_table: OnNewTable,
    /// What its tables get beside columns and key, once they are copied, where the source has it: `indexes`, `comments`.
    /// Indexes are built beside the stream, and are never unique: the source sees to that. What cannot be made is
    /// told, and the table goes on without it.
    #[serde(default)]
    pub create: Create,
    /// How many dead letters of each of its tables may be open; without it,
    /// `error_handling.dead_letter_limit`.
    #[serde(default)]
    pub dead_letter_limit: Option<DeadLetterLimit>,
    /// Rows read from the stream at once; more is faster, less keeps the destination fresher.
    #[serde(default = "default_batch_size")]
    pub default_batch_size: NonZeroU32,
    /// How long to wait when there is nothing new; shorter is fresher and asks the source more.
    #[serde(default = "default_polling_interval")]
    pub default_polling_interval: Interval,
    /// Streams read in parallel; without it, `global_max_parallel_streams`.
    #[serde(default)]
    pub default_max_parallel_streams: Option<NonZeroU32>,
    /// How much the source may make the schema write and keep beside its rows.
    #[serde(default)]
    pub limits: SchemaLimits,
    /// How large a share of the CPU the schema's connectors get while it is short, beside those of
    /// other schemas: 200 gets twice as much as 100. Nothing is held back while a core is free.
    #[serde(default = "default_cpu_weight")]
    pub cpu_weight: NonZeroU32,
    /// Only tables that match one of these globs are moved; empty means all. Wins over the
    /// blacklist.
    #[serde(default)]
    pub table_whitelist: Patterns,
    /// Tables that match one of these globs are not moved. One that was left out for a while is
    /// copied anew when it is selected again.
    #[serde(default)]
    pub table_blacklist: Patterns,
    /// The schema that the tables are kept in at the destination; without it, one of the schema's own
    /// name. What is stored about the schema's progress keeps the source's name.
    #[serde(default)]
    pub destination_schema: Option<String>,
    /// Put before the name of each table at the destination.
    #[serde(default)]
    pub table_prefix: String,
    /// Put behind the name of each table at the destination.
    #[serde(default)]
    pub table_suffix: String,
    /// Tables with values of their own; a table not listed takes the schema's.
    #[serde(default)]
    pub tables: Vec<TableConfig>,
}

/// What happens when a schema's position in the source's history is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum OnLostPosition {
    /// The schema stops.
    #[default]
    Fail,
    /// Its tables are copied anew.
    Resync,
}

/// What happens when one table of a schema cannot be followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum OnTableFailure {
    /// It is parked, unless it is a log.
    #[default]
    Park,
    /// It is parked.
    ParkAll,
    /// The schema stops.
    Stop,
}

/// What happens to a table that nobody has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum OnNewTable {
    /// It is copied and followed.
    #[default]
    Copy,
    /// It is followed from now on.
    LogOnly,
    /// It is left out.
    Ignore,
    /// The schema stops.
    Stop,
}

impl SchemaConfig {
    /// A schema of that name with every other value at its default.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            mode: SyncMode::default(),
            schedule: None,
            on_lost_position: OnLostPosition::default(),
            on_table_failure: OnTableFailure::default(),
            on_new_table: OnNewTable::default(),
            create: Create::default(),
            dead_letter_limit: None,
            default_batch_size: default_batch_size(),
            default_polling_interval: default_polling_interval(),
            default_max_parallel_streams: None,
            limits: SchemaLimits::default(),
            cpu_weight: default_cpu_weight(),
            table_whitelist: Patterns::default(),
            table_blacklist: Patterns::default(),
            destination_schema: None,
            table_prefix: String::new(),
            table_suffix: String::new(),
            tables: Vec::new(),
        }
    }

    /// Adds a table with values of its own.
    #[must_use]
    pub fn table(mut self, table: TableConfig) -> Self {
        self.tables.push(table);
        self
    }
}

const fn default_cpu_weight() -> NonZeroU32 {
    at_least_one(100)
}

const fn default_batch_size() -> NonZeroU32 {
    at_least_one(1000)
}

const fn default_polling_interval() -> Interval {
    Interval::seconds(5)
}

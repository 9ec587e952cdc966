//! What holds for one table: its own values, else its schema's, else the global ones.
//!
//! A table that is not listed has settings like any other. Invariant: [`TableSettings`] and what
//! [`WarpConfig::effective`] prints of a table come from the same rules.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{
    Columns, DeletionStrategy, Names, Resync, SchemaConfig, TableConfig, WarpConfig, WriteMode,
};
use crate::model::TablePlace;

/// Every effective value of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSettings {
    /// Where the destination keeps it; none under its own name, in the schema of its own name.
    pub place: Option<TablePlace>,
    /// Rows read from the stream at once.
    pub stream_batch_size: NonZeroU32,
    /// Rows of changes at which a commit closes.
    pub write_batch_size: NonZeroU32,
    /// Rows read at once by the first copy.
    pub full_load_batch_size: NonZeroU32,
    /// How long to wait when there is nothing new.
    pub polling_interval: Duration,
    /// Streams read in parallel.
    pub max_parallel_streams: NonZeroU32,
    /// Whether the destination's table follows the source's shape.
    pub enable_schema_evolution: bool,
    /// What a delete does.
    pub deletion_strategy: DeletionStrategy,
    /// The column that marks a row deleted.
    pub soft_delete_column: String,
    /// The column that says when.
    pub deleted_at_column: String,
    /// How many of its dead letters may be open.
    pub dead_letter_limit: Option<u64>,
    /// What a change does.
    pub write_mode: WriteMode,
    /// Which columns are moved, and how.
    pub columns: Columns,
}

impl WarpConfig {
    /// The schema of that name, if it is in the list.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&SchemaConfig> {
        self.schemas.iter().find(|schema| schema.name == name)
    }

    /// What holds for a table, listed or not.
    ///
    /// ```
    /// # use cartridge_warp::config::*;
    /// # let config = WarpConfig::builder().source(SourceConfig::new("files", "in"))
    /// #     .destination(DestinationConfig::new("sqlite", "out.db"))
    /// #     .schema(SchemaConfig::new("shop")).single("shop").build().unwrap();
    /// assert_eq!(config.table_settings("shop", "orders").write_batch_size.get(), 500);
    /// ```
    #[must_use]
    pub fn table_settings(&self, schema: &str, table: &str) -> TableSettings {
        let schema = self.schema(schema);
        let listed = schema.and_then(|schema| schema.tables.iter().find(|t| t.name == table));
        let unlisted;
        let own = match listed {
            Some(own) => own,
            None => {
                unlisted = TableConfig::new(table);
                &unlisted
            }
        };
        let schema_default;
        let schema = match schema {
            Some(schema) => schema,
            None => {
                schema_default = SchemaConfig::new("");
                &schema_default
            }
        };
        self.settings_of(schema, own)
    }

    pub(super) fn settings_of(&self, schema: &SchemaConfig, own: &TableConfig) -> TableSettings {
        let parallel = own.max_parallel_streams.or(schema.default_max_parallel_streams);
        let letters = own.dead_letter_limit.or(schema.dead_letter_limit);
        let polling = own.polling_interval_seconds.unwrap_or(schema.default_polling_interval);
        let evolution = &self.schema_evolution;
        TableSettings {
            place: place(schema, own),
            stream_batch_size: own.stream_batch_size.unwrap_or(schema.default_batch_size),
            write_batch_size: own.write_batch_size,
            full_load_batch_size: own.full_load_batch_size,
            polling_interval: polling.duration(),
            max_parallel_streams: parallel.unwrap_or(self.global_max_parallel_streams),
            enable_schema_evolution: evolution.enabled
                && own.enable_schema_evolution
                && !evolution.excluded_tables.matches(&own.name),
            deletion_strategy: own.deletion_strategy,
            soft_delete_column: own.soft_delete_column.clone(),
            deleted_at_column: own.deleted_at_column.clone(),
            dead_letter_limit: letters.or(self.error_handling.dead_letter_limit),
            write_mode: own.write_mode,
            columns: own.columns.clone(),
        }
    }

    /// What of `full_resync` is for this schema, without the schema's name in front.
    #[must_use]
    pub fn full_resync_of(&self, schema: &str) -> Resync {
        let Resync::Tables(names) = &self.full_resync else { return self.full_resync.clone() };
        let own = names.iter().filter_map(|name| match self.schema_of(name) {
            Some((named, table)) => (named == schema).then_some(table),
            None => Some(name),
        });
        own.collect::<Names>().into()
    }

    /// The schema that a table's name begins with, and the rest of the name.
    pub(in crate::config) fn schema_of<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a str)> {
        self.active_schemas().find_map(|schema| {
            let table = name.strip_prefix(schema.name.as_str())?.strip_prefix('.')?;
            Some((schema.name.as_str(), table))
        })
    }

    /// The schemas this process moves: one in single mode, all in multi mode.
    pub fn active_schemas(&self) -> impl Iterator<Item = &SchemaConfig> {
        let only = match self.mode {
            super::Mode::Single => self.single_schema_name.as_deref(),
            super::Mode::Multi => None,
        };
        self.schemas.iter().filter(move |schema| only.is_none_or(|name| name == schema.name))
    }
}

impl SchemaConfig {
    /// What the schema of its tables is called at the destination.
    #[must_use]
    pub fn name_at_destination(&self) -> &str {
        self.destination_schema.as_deref().unwrap_or(&self.name)
    }

    /// What one of its tables is called there.
    pub(super) fn table_at_destination(&self, table: &TableConfig) -> String {
        let own = || format!("{}{}{}", self.table_prefix, table.name, self.table_suffix);
        table.destination_table.clone().unwrap_or_else(own)
    }
}

fn place(schema: &SchemaConfig, own: &TableConfig) -> Option<TablePlace> {
    let place = TablePlace {
        schema: schema.name_at_destination().to_owned(),
        table: schema.table_at_destination(own),
    };
    (place.schema != schema.name || place.table != own.name).then_some(place)
}

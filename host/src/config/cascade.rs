//! What holds for one table: its own values, else its schema's, else the global ones.
//!
//! A table that is not listed has settings like any other. Invariant: [`TableSettings`] and what
//! [`WarpConfig::effective`] prints of a table come from the same rules.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::settings::at_least_one;
use super::{
    AddedColumn, Columns, Create, DeadLetterLimit, DeletionStrategy, HashKey, InitialCopy, Names,
    Resync, RowFact, SchemaConfig, TableConfig, WarpConfig, WriteMode,
};
use crate::model::{AddedValue, Condition, TablePlace};

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
    /// Streams read in parallel, where somebody says how many.
    pub max_parallel_streams: Option<NonZeroU32>,
    /// Whether the destination's table follows the source's shape.
    pub enable_schema_evolution: bool,
    /// What a delete does.
    pub deletion_strategy: DeletionStrategy,
    /// The column that marks a row deleted.
    pub soft_delete_column: String,
    /// The column that says when.
    pub deleted_at_column: String,
    /// What a change does.
    pub write_mode: WriteMode,
    /// What is copied before changes are followed.
    pub initial_copy: InitialCopy,
    /// What it is given beside its columns and key.
    pub create: Create,
    /// Which columns are moved, and how.
    pub columns: Columns,
    /// The key of masks that hash.
    pub hash_key: Option<HashKey>,
    /// Columns that the destination has in addition, with what is known of this table filled in.
    pub added: BTreeMap<String, AddedValue>,
    /// What of that is said of this table by its name, so that it has to have these columns.
    pub own_columns: Columns,
    /// Which rows the destination has; all where it is none.
    pub where_clause: Option<Condition>,
}

/// Rows of changes at which a commit closes, unless the configuration says so.
const WRITE_BATCH_SIZE: NonZeroU32 = at_least_one(500);
/// Rows read at once by the first copy, unless the configuration says so.
const FULL_LOAD_BATCH_SIZE: NonZeroU32 = at_least_one(10_000);

/// What the list of tables says of one.
struct Said<'a> {
    own: Option<&'a TableConfig>,
    schema: &'a SchemaConfig,
    table: &'a str,
}

impl<'a> Said<'a> {
    fn of(schema: &'a SchemaConfig, table: &'a str) -> Self {
        Self { own: schema.entry_of(table), schema, table }
    }

    /// The entries that speak of it, the one that counts most first.
    fn entries(&self) -> impl DoubleEndedIterator<Item = &'a TableConfig> {
        let (schema, table) = (self.schema, self.table);
        self.own.into_iter().chain(schema.patterns_of(table).map(|(_, entry)| entry))
    }

    fn first<T>(&self, key: impl FnMut(&'a TableConfig) -> Option<T>) -> Option<T> {
        self.entries().find_map(key)
    }

    fn columns(&self) -> Columns {
        self.entries().rev().fold(Columns::default(), |base, entry| entry.columns.over(&base))
    }
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
        match self.schema(schema) {
            Some(schema) => self.settings_in(schema, table),
            None => self.settings_in(&SchemaConfig::new(""), table),
        }
    }

    /// How many dead letters of a table are too many.
    #[must_use]
    pub fn dead_letter_limit(&self, schema: &str, table: &str) -> Option<DeadLetterLimit> {
        let of_schema = self.schema(schema).and_then(|schema| {
            let own = Said::of(schema, table).first(|own| own.dead_letter_limit);
            own.or(schema.dead_letter_limit)
        });
        of_schema.or(self.error_handling.dead_letter_limit)
    }

    pub(super) fn settings_in(&self, schema: &SchemaConfig, table: &str) -> TableSettings {
        let said = Said::of(schema, table);
        let parallel =
            said.first(|own| own.max_parallel_streams).or(schema.default_max_parallel_streams);
        let polling = said.first(|own| own.polling_interval_seconds);
        let (evolution, columns) = (&self.schema_evolution, said.columns());
        TableSettings {
            place: place(schema, table),
            stream_batch_size: said
                .first(|own| own.stream_batch_size)
                .unwrap_or(schema.default_batch_size),
            write_batch_size: said.first(|own| own.write_batch_size).unwrap_or(WRITE_BATCH_SIZE),
            full_load_batch_size: said
                .first(|own| own.full_load_batch_size)
                .unwrap_or(FULL_LOAD_BATCH_SIZE),
            polling_interval: polling.unwrap_or(schema.default_polling_interval).duration(),
            max_parallel_streams: parallel.or(self.global_max_parallel_streams),
            enable_schema_evolution: evolution.enabled
                && said.first(|own| own.enable_schema_evolution).unwrap_or(true)
                && !evolution.excluded_tables.matches(table),
            deletion_strategy: said.first(|own| own.deletion_strategy).unwrap_or_default(),
            soft_delete_column: said
                .first(|own| own.soft_delete_column.clone())
                .unwrap_or_else(|| "is_deleted".to_owned()),
            deleted_at_column: said
                .first(|own| own.deleted_at_column.clone())
                .unwrap_or_else(|| "deleted_at".to_owned()),
            write_mode: said.first(|own| own.write_mode).unwrap_or_default(),
            initial_copy: said.first(|own| own.initial_copy).unwrap_or_default(),
            create: said.first(|own| own.create.clone()).unwrap_or_else(|| schema.create.clone()),
            added: self.added(schema, table, &columns.add),
            where_clause: said.first(|own| own.where_clause.clone()),
            columns,
            hash_key: self.known_hash_key.clone(),
            own_columns: said.own.map(|own| own.columns.clone()).unwrap_or_default(),
        }
    }

    fn added(
        &self,
        schema: &SchemaConfig,
        table: &str,
        add: &BTreeMap<String, AddedColumn>,
    ) -> BTreeMap<String, AddedValue> {
        let value = |added: &AddedColumn| match added {
            AddedColumn::Text(text) => AddedValue::Text(text.clone()),
            AddedColumn::Number(number) => match number.as_i64() {
                Some(whole) => AddedValue::Whole(whole),
                None => AddedValue::Number(number.clone()),
            },
            AddedColumn::Boolean(value) => AddedValue::Boolean(*value),
            AddedColumn::From { from } => match from {
                RowFact::Pipeline => AddedValue::Text(self.name.clone().unwrap_or_default()),
                RowFact::Schema => AddedValue::Text(schema.name.clone()),
                RowFact::Table => AddedValue::Text(table.to_owned()),
                RowFact::CommitTime => AddedValue::CommitTime,
            },
        };
        add.iter().map(|(name, added)| (name.clone(), value(added))).collect()
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

    /// The names of tables that do not say which of several schemas they mean: what is wrong, and what helps.
    pub fn unqualified(&self, tables: &Resync) -> Vec<(String, String)> {
        if self.mode == super::Mode::Single {
            return Vec::new();
        }
        let vague = tables.named().iter().filter(|name| self.schema_of(name).is_none());
        let schemas: Vec<&str> = self.schemas.iter().map(|schema| schema.name.as_str()).collect();
        let words = |name: &String| {
            let message = format!("names `{name}` without its schema, and `mode` is multi");
            (message, format!("write SCHEMA.{name} with one of {}", schemas.join(", ")))
        };
        vague.map(words).collect()
    }

    /// The schema that a table's name begins with, and the rest of the name; the longest, where a schema's name
    /// begins like another's.
    pub(in crate::config) fn schema_of<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let named = self.active_schemas().filter_map(|schema| {
            let table = name.strip_prefix(schema.name.as_str())?.strip_prefix('.')?;
            Some((schema.name.as_str(), table))
        });
        named.max_by_key(|(schema, _)| schema.len())
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
    pub(super) fn table_at_destination(&self, table: &str) -> String {
        let own = || format!("{}{table}{}", self.table_prefix, self.table_suffix);
        self.entry_of(table).and_then(|own| own.destination_table.clone()).unwrap_or_else(own)
    }

    /// What the list says of a table by its name.
    fn entry_of(&self, table: &str) -> Option<&TableConfig> {
        self.tables.iter().find(|entry| !entry.name.is_pattern() && entry.name.matches(table))
    }

    /// The globs of the list that match a table, with their numbers, in order.
    pub(super) fn patterns_of<'a>(
        &'a self,
        table: &'a str,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a TableConfig)> {
        let entries = self.tables.iter().enumerate();
        entries.filter(move |(_, entry)| entry.name.is_pattern() && entry.name.matches(table))
    }
}

fn place(schema: &SchemaConfig, table: &str) -> Option<TablePlace> {
    let place = TablePlace {
        schema: schema.name_at_destination().to_owned(),
        table: schema.table_at_destination(table),
    };
    (place.schema != schema.name || place.table != table).then_some(place)
}

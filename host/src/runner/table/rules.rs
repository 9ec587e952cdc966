//! What becomes of a table's rows by the operator's rules, in the form that is kept beside its shape.
//!
//! A destination says nothing of the rules by which its rows were made. Rows that were copied by other
//! ones are not like those that come, so the rules of now are compared with the remembered ones.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::shape::ColumnRules;
use crate::{
    config::{Columns, DeletionStrategy, TableSettings, WriteMode},
    model::{AddedValue, Condition, TablePlace, TableShape},
};

/// The settings by which a row gets its form at the destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableRules {
    /// Where its rows are kept, if not under its own names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<TablePlace>,
    columns: Columns,
    /// What tells the key of its hashes from others; none where nothing is hashed by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hashed_by: Option<String>,
    /// Columns that the source does not have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    added: BTreeMap<String, AddedValue>,
    /// Which rows the destination has; all where it is none.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    where_clause: Option<Condition>,
    /// Columns that came later and are excluded from evolution.
    left_out: BTreeSet<String>,
    write_mode: WriteMode,
    deletion_strategy: DeletionStrategy,
    soft_delete_column: String,
    deleted_at_column: String,
}

impl TableRules {
    pub fn new(settings: &TableSettings, left_out: BTreeSet<String>) -> Self {
        let rules = ColumnRules::new(settings, Vec::new());
        Self {
            place: settings.place.clone(),
            columns: settings.columns.clone(),
            hashed_by: rules.hashed_by().map(str::to_owned),
            added: settings.added.clone(),
            where_clause: settings.where_clause.clone(),
            left_out,
            write_mode: settings.write_mode,
            deletion_strategy: settings.deletion_strategy,
            soft_delete_column: settings.soft_delete_column.clone(),
            deleted_at_column: settings.deleted_at_column.clone(),
        }
    }

    /// Where its rows are kept, if not under its own names.
    pub fn place(&self) -> Option<&TablePlace> {
        self.place.as_ref()
    }

    /// The columns that they name.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.columns.named().map(|(_, column)| column)
    }

    pub fn left_out(&self) -> &BTreeSet<String> {
        &self.left_out
    }

    /// Whether rows are kept elsewhere than by other rules.
    pub fn keeps_elsewhere(&self, other: &Self) -> bool {
        self.place != other.place
    }

    /// Whether rows are kept as a log, which its source cannot tell again.
    pub fn is_log(&self) -> bool {
        self.write_mode == WriteMode::Append
    }

    /// In words, what other rules make of the rows of a table of this shape; nothing where they make the
    /// same. `renames` are the columns that have another name by now, which the new rules go by.
    pub fn changes(
        &self,
        now: &Self,
        shape: &TableShape,
        renames: &[(String, String)],
    ) -> Vec<String> {
        let renamed = |column: &str| {
            let pair = renames.iter().find(|(old, _)| old == column);
            pair.map_or_else(|| column.to_owned(), |(_, new_name)| new_name.clone())
        };
        let new_key = shape.key.iter().map(|column| renamed(column)).collect();
        let (before, after) = (self.column_rules(shape.key.clone()), now.column_rules(new_key));
        let columns = shape.schema.fields().iter().filter_map(|field| {
            let column = field.name();
            let new_name = renamed(column);
            let (was, is) = (before.treatment(column, field), after.treatment(&new_name, field));
            // Where both the source and the rules give other names, no rename leads from one to the other.
            let has_other_name =
                *column != new_name && (before.has_rename(column) || after.has_rename(&new_name));
            (was != is || has_other_name).then(|| format!("`{column}` was {was} and is {is}"))
        });
        let (was, is) = (self.keeping(), now.keeping());
        let differs = was != is && !self.only_begins_to_mark(now);
        let rows = differs.then(|| format!("rows were {was} and are {is}"));
        let of_rows = self.other_rows(now).into_iter().chain(rows).chain(self.move_to(now));
        columns.chain(self.additions(now)).chain(of_rows).collect()
    }

    /// What is otherwise in columns that the source does not have.
    fn additions(&self, now: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.added.keys().chain(now.added.keys()).collect();
        let words = |value: Option<&AddedValue>| match value {
            Some(value) => value.to_string(),
            None => "not added".to_owned(),
        };
        let changed = names.into_iter().filter_map(|name| {
            let (was, is) = (self.added.get(name), now.added.get(name));
            let change = || format!("`{name}` was {} and is {}", words(was), words(is));
            (was != is).then(change)
        });
        changed.collect()
    }

    /// What is otherwise in which rows there are.
    fn other_rows(&self, now: &Self) -> Option<String> {
        let words = |rules: &Self| match &rules.where_clause {
            Some(condition) => format!("those where {condition}"),
            None => "all".to_owned(),
        };
        let differs = self.where_clause != now.where_clause;
        differs.then(|| format!("its rows were {} and are {}", words(self), words(now)))
    }

    fn move_to(&self, now: &Self) -> Option<String> {
        let words = |rules: &Self| match &rules.place {
            Some(place) => format!("as `{place}`"),
            None => "under its own name".to_owned(),
        };
        self.keeps_elsewhere(now).then(|| {
            format!(
                "the table was kept {} (that one stays as it is, and gets no more rows) and is kept {}",
                words(self),
                words(now)
            )
        })
    }

    fn column_rules(&self, key: Vec<String>) -> ColumnRules {
        let mut rules = ColumnRules::known(self.columns.clone(), key, self.hashed_by.clone());
        self.left_out.iter().for_each(|column| rules.leave_out(column.clone()));
        rules
    }

    /// Whether rows that were removed are to be marked from now on. Those that are there stay as they are,
    /// and a new copy would not have the deletes that nobody read yet.
    fn only_begins_to_mark(&self, now: &Self) -> bool {
        let is_table = self.write_mode == WriteMode::Upsert && now.write_mode == WriteMode::Upsert;
        is_table
            && self.deletion_strategy == DeletionStrategy::Hard
            && now.deletion_strategy == DeletionStrategy::Soft
    }

    fn keeping(&self) -> String {
        match (self.write_mode, self.deletion_strategy) {
            (WriteMode::Append, _) => "kept as a log".to_owned(),
            (WriteMode::Upsert, DeletionStrategy::Hard) => "removed when deleted".to_owned(),
            (WriteMode::Upsert, DeletionStrategy::Soft) => format!(
                "marked in `{}` and `{}` when deleted",
                self.soft_delete_column, self.deleted_at_column
            ),
        }
    }
}

//! What a connection knows about a table.

use std::collections::HashMap;

use cartridge_warp_sdk::{Column, Deletion, TablePlan, WriteMode};

use crate::storage::Storage;

/// The tables of a schema by their names in the source.
pub(crate) type Tables = HashMap<String, Table>;

/// When a row was deleted, beside the soft-delete column.
pub(crate) const DELETED_AT: &str = "deleted_at";
/// Audit columns.
pub(crate) const CREATED_AT: &str = "_cartridge_created_at";
pub(crate) const UPDATED_AT: &str = "_cartridge_updated_at";
pub(crate) const VERSION: &str = "_cartridge_version";
/// What append mode keeps beside the data.
pub(crate) const OP: &str = "_cartridge_op";
pub(crate) const TS: &str = "_cartridge_ts";
pub(crate) const UNCHANGED: &str = "_cartridge_unchanged";

/// A table and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name in the file.
    pub(crate) physical: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<String>,
    pub(crate) write_mode: WriteMode,
    /// Whether a delete keeps the row.
    pub(crate) soft: bool,
    /// The soft-delete column. Stays after a change to hard deletes, so that rows which were marked
    /// before are still cleared when they come back.
    pub(crate) soft_column: Option<String>,
    pub(crate) audit: bool,
    /// It was there before the connector: never dropped.
    pub(crate) adopted: bool,
}

impl Table {
    pub(crate) fn of(plan: &TablePlan, physical: String, audit: bool) -> Self {
        let append = plan.write_mode == WriteMode::Append;
        let soft_column = match &plan.deletion {
            Deletion::Soft { column } if !append => Some(column.clone()),
            _ => None,
        };
        Self {
            physical,
            columns: plan.columns.clone(),
            key: plan.key.clone(),
            write_mode: plan.write_mode,
            soft: soft_column.is_some(),
            soft_column,
            audit: audit && !append,
            adopted: false,
        }
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn is_key(&self, name: &str) -> bool {
        self.key.iter().any(|key| key == name)
    }

    /// The columns that the connector adds to the data, with their declarations.
    pub(crate) fn own_columns(&self) -> Vec<(&str, &'static str)> {
        let mut columns = Vec::new();
        if self.write_mode == WriteMode::Append {
            columns.extend([(OP, "TEXT"), (TS, "TEXT"), (UNCHANGED, "TEXT")]);
        }
        if let Some(soft) = &self.soft_column {
            columns.extend([(soft.as_str(), "INTEGER NOT NULL DEFAULT 0"), (DELETED_AT, "TEXT")]);
        }
        if self.audit {
            columns.extend([(CREATED_AT, "TEXT"), (UPDATED_AT, "TEXT"), (VERSION, "INTEGER")]);
        }
        columns
    }

    /// The declaration of a data column. Only keys are NOT NULL: an update of a row that was never
    /// seen may bring some of its columns only.
    pub(crate) fn declaration(&self, column: &Column) -> String {
        let word = Storage::of(&column.column_type).word();
        let required = self.write_mode == WriteMode::Upsert && self.is_key(&column.name);
        if required { format!("{word} NOT NULL") } else { word.to_owned() }
    }
}

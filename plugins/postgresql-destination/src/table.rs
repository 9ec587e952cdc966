//! What a connection knows about a table.

use std::collections::HashMap;

use cartridge_warp_sdk::{Column, Deletion, TablePlan, WriteMode};
use postgresql_client::names::qualified;

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

/// A data column and the type that it is declared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptColumn {
    pub(crate) column: Column,
    /// As `format_type` writes it; empty until the server has been asked.
    pub(crate) declared: String,
}

/// A table and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<KeptColumn>,
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
    pub(crate) fn of(schema: &str, plan: &TablePlan, audit: bool) -> Self {
        let append = plan.write_mode == WriteMode::Append;
        let soft_column = match &plan.deletion {
            Deletion::Soft { column } if !append => Some(column.clone()),
            _ => None,
        };
        let kept = |column: &Column| KeptColumn { column: column.clone(), declared: String::new() };
        Self {
            schema: schema.to_owned(),
            name: plan.name.clone(),
            columns: plan.columns.iter().map(kept).collect(),
            key: plan.key.clone(),
            write_mode: plan.write_mode,
            soft: soft_column.is_some(),
            soft_column,
            audit: audit && !append,
            adopted: false,
        }
    }

    /// Its name as SQL.
    pub(crate) fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    pub(crate) fn column(&self, name: &str) -> Option<&KeptColumn> {
        self.columns.iter().find(|kept| kept.column.name == name)
    }

    pub(crate) fn is_key(&self, name: &str) -> bool {
        self.key.iter().any(|key| key == name)
    }

    /// The columns that the connector adds to the data, with their declarations.
    pub(crate) fn own_columns(&self) -> Vec<(&str, &'static str)> {
        let mut columns = Vec::new();
        if self.write_mode == WriteMode::Append {
            columns.extend([(OP, "text"), (TS, "timestamp with time zone"), (UNCHANGED, "jsonb")]);
        }
        if let Some(soft) = &self.soft_column {
            columns.push((soft.as_str(), "boolean NOT NULL DEFAULT false"));
            columns.push((DELETED_AT, "timestamp with time zone"));
        }
        if self.audit {
            columns.push((CREATED_AT, "timestamp with time zone"));
            columns.push((UPDATED_AT, "timestamp with time zone"));
            columns.push((VERSION, "bigint"));
        }
        columns
    }
}

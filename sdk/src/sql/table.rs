//! What a connection knows about a table.

use std::collections::HashMap;

use crate::{Column, Deletion, TablePlace, TablePlan, WriteMode};

/// The tables of a schema by their names in the source.
pub type Tables = HashMap<String, Table>;

/// Audit: when the row was first written.
pub const CREATED_AT: &str = "_cartridge_created_at";
/// Audit: when it was last written.
pub const UPDATED_AT: &str = "_cartridge_updated_at";
/// Audit: how many changes it has seen.
pub const VERSION: &str = "_cartridge_version";
/// Append mode: what the row is.
pub const OP: &str = "_cartridge_op";
/// Append mode: when it was committed in the source.
pub const TS: &str = "_cartridge_ts";
/// Append mode: the columns that the source did not send.
pub const UNCHANGED: &str = "_cartridge_unchanged";
/// Append mode: the row's [number](super::Numbers).
pub const SEQ: &str = "_cartridge_seq";

/// What a column that a destination adds to the data holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// A word.
    Text,
    /// A moment.
    Moment,
    /// A JSON list.
    Json,
    /// True or false; false unless it is said.
    Flag,
    /// A number that counts up.
    Count,
}

/// A data column and the type that it is declared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptColumn {
    /// The source's column.
    pub column: Column,
    /// In the database's words; empty until it has been asked.
    pub declared: String,
}

/// A table and how it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name in the source.
    pub name: String,
    /// Where it is in the database.
    pub physical: TablePlace,
    /// That name as SQL, with whatever has to stand before it.
    pub sql: String,
    /// The data columns, also those that the plan no longer has.
    pub columns: Vec<KeptColumn>,
    /// Names of the key columns; may be empty in append mode.
    pub key: Vec<String>,
    /// One row per key or per operation.
    pub write_mode: WriteMode,
    /// Whether a delete keeps the row.
    pub soft: bool,
    /// The soft-delete column. Stays after a change to hard deletes, so that rows which were marked
    /// before are still cleared when they come back.
    pub soft_column: Option<String>,
    /// The column beside it that says when; of no meaning without it.
    pub deleted_at: String,
    /// Whether rows have audit columns.
    pub audit: bool,
    /// It was there before the connector: never dropped.
    pub adopted: bool,
}

impl Table {
    /// The table of a plan, at its place in the database.
    pub fn of(plan: &TablePlan, physical: TablePlace, sql: String, audit: bool) -> Self {
        let append = plan.write_mode == WriteMode::Append;
        let (soft_column, deleted_at) = match &plan.deletion {
            Deletion::Soft { column, deleted_at } if !append => {
                (Some(column.clone()), deleted_at.clone())
            }
            _ => (None, Deletion::DELETED_AT.to_owned()),
        };
        let kept = |column: &Column| KeptColumn { column: column.clone(), declared: String::new() };
        Self {
            name: plan.name.clone(),
            physical,
            sql,
            columns: plan.columns.iter().map(kept).collect(),
            key: plan.key.clone(),
            write_mode: plan.write_mode,
            soft: soft_column.is_some(),
            soft_column,
            deleted_at,
            audit: audit && !append,
            adopted: false,
        }
    }

    /// A data column.
    pub fn column(&self, name: &str) -> Option<&KeptColumn> {
        self.columns.iter().find(|kept| kept.column.name == name)
    }

    /// Whether a column is part of the key.
    pub fn is_key(&self, name: &str) -> bool {
        self.key.iter().any(|key| key == name)
    }

    /// The columns that the connector adds to the data.
    pub fn own_columns(&self) -> Vec<(&str, Own)> {
        let mut columns = Vec::new();
        if self.write_mode == WriteMode::Append {
            columns.extend([(OP, Own::Text), (TS, Own::Moment), (UNCHANGED, Own::Json)]);
            columns.push((SEQ, Own::Count));
        }
        if let Some(soft) = &self.soft_column {
            columns.extend([(soft.as_str(), Own::Flag), (self.deleted_at.as_str(), Own::Moment)]);
        }
        if self.audit {
            let moments = [CREATED_AT, UPDATED_AT].map(|name| (name, Own::Moment));
            columns.extend(moments);
            columns.push((VERSION, Own::Count));
        }
        columns
    }
}

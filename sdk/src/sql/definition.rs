//! How a table is kept, written down beside the other metadata.
//!
//! The database's own catalog knows columns and types; it does not know what they meant to the source,
//! or whether the table was there before the connector.

use serde::{Deserialize, Serialize};

use super::metadata::damaged;
use super::table::{KeptColumn, Table};
use crate::{Column, Deletion, Failure, TablePlace, WriteMode};

/// What was stored about a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The schema it belongs to.
    pub schema: String,
    /// Its name in the source.
    pub name: String,
    /// Where it is in the database.
    pub physical: TablePlace,
    /// The JSON that was given to [`Vendor::store`](super::Vendor::store).
    pub definition: String,
}

/// The stored form of a table, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Definition {
    append: bool,
    key: Vec<String>,
    soft: bool,
    soft_column: Option<String>,
    /// None: [`Deletion::DELETED_AT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
    audit: bool,
    adopted: bool,
    columns: Vec<StoredColumn>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredColumn {
    Whole {
        name: String,
        #[serde(rename = "type")]
        column_type: String,
        origin: Option<String>,
        declared: String,
    },
    /// Name and type alone, as SQLite destinations wrote them first.
    Pair(String, String),
}

impl Definition {
    pub(super) fn of(table: &Table) -> Self {
        let stored = |kept: &KeptColumn| StoredColumn::Whole {
            name: kept.column.name.clone(),
            column_type: kept.column.column_type.to_string(),
            origin: kept.column.origin_type.clone(),
            declared: kept.declared.clone(),
        };
        Self {
            append: table.write_mode == WriteMode::Append,
            key: table.key.clone(),
            soft: table.soft,
            soft_column: table.soft_column.clone(),
            deleted_at: (table.deleted_at != Deletion::DELETED_AT)
                .then(|| table.deleted_at.clone()),
            audit: table.audit,
            adopted: table.adopted,
            columns: table.columns.iter().map(stored).collect(),
        }
    }

    pub(super) fn written(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| {
            let failure = Failure::stop("internal", "a table definition has no JSON form");
            failure.detail(error.to_string())
        })
    }

    pub(super) fn read(stored: &Stored) -> Result<Self, Failure> {
        serde_json::from_str(&stored.definition).map_err(|error| {
            damaged(&format!("the stored definition of {} is unreadable", stored.name))
                .detail(error.to_string())
        })
    }

    pub(super) fn table(self, stored: Stored, sql: String) -> Result<Table, Failure> {
        let columns = self.columns.into_iter().map(StoredColumn::kept);
        Ok(Table {
            name: stored.name,
            physical: stored.physical,
            sql,
            columns: columns.collect::<Result<_, Failure>>()?,
            key: self.key,
            write_mode: if self.append { WriteMode::Append } else { WriteMode::Upsert },
            soft: self.soft,
            soft_column: self.soft_column,
            deleted_at: self.deleted_at.unwrap_or_else(|| Deletion::DELETED_AT.to_owned()),
            audit: self.audit,
            adopted: self.adopted,
        })
    }
}

impl StoredColumn {
    fn kept(self) -> Result<KeptColumn, Failure> {
        let (name, column_type, origin, declared) = match self {
            Self::Whole { name, column_type, origin, declared } => {
                (name, column_type, origin, declared)
            }
            Self::Pair(name, column_type) => (name, column_type, None, String::new()),
        };
        let mut column = Column::new(name, column_type.parse()?);
        column.origin_type = origin;
        Ok(KeptColumn { column, declared })
    }
}

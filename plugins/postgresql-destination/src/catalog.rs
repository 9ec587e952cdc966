//! How each table is kept, written down beside the other metadata.
//!
//! The server's own catalog knows columns and types; it does not know what they meant to the source,
//! or whether the table was there before the connector.

use cartridge_warp_sdk::{Column, Failure, WriteMode};
use serde::{Deserialize, Serialize};

use crate::metadata::damaged;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::table::{KeptColumn, Table};

/// The stored form, as JSON.
#[derive(Serialize, Deserialize)]
struct Definition {
    append: bool,
    key: Vec<String>,
    soft: bool,
    soft_column: Option<String>,
    audit: bool,
    adopted: bool,
    columns: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    #[serde(rename = "type")]
    column_type: String,
    origin: Option<String>,
    declared: String,
}

/// A table as it was stored.
pub(crate) fn load(scope: Scope<'_>, name: &str) -> Result<Option<Table>, Refusal> {
    let sql = format!(
        "SELECT definition::text FROM {} WHERE schema_name = $1 AND table_name = $2",
        scope.names.tables
    );
    let rows = scope.session.query(&sql, &[&scope.schema, &name])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let text: &str = row.try_get(0).map_err(|_| damaged("a definition is unreadable"))?;
    let definition = serde_json::from_str(text).map_err(|error| {
        damaged(&format!("the stored definition of {name} is unreadable")).detail(error.to_string())
    })?;
    Ok(Some(read(scope.schema, name, definition)?))
}

/// Stores a table.
pub(crate) fn store(scope: Scope<'_>, table: &Table) -> Result<(), Refusal> {
    let definition = serde_json::to_string(&written(table)).map_err(|error| {
        Failure::stop("internal", "a table definition has no JSON form").detail(error.to_string())
    })?;
    let sql = format!(
        "INSERT INTO {} (schema_name, table_name, definition) VALUES ($1, $2, $3::text::jsonb)
         ON CONFLICT (schema_name, table_name) DO UPDATE
         SET definition = excluded.definition, updated_at = now()",
        scope.names.tables
    );
    scope.session.query(&sql, &[&scope.schema, &table.name, &definition]).map(drop)
}

/// Forgets a table that was dropped.
pub(crate) fn remove(scope: Scope<'_>, name: &str) -> Result<(), Refusal> {
    let sql =
        format!("DELETE FROM {} WHERE schema_name = $1 AND table_name = $2", scope.names.tables);
    scope.session.query(&sql, &[&scope.schema, &name]).map(drop)
}

fn written(table: &Table) -> Definition {
    let stored = |kept: &KeptColumn| Stored {
        name: kept.column.name.clone(),
        column_type: kept.column.column_type.to_string(),
        origin: kept.column.origin_type.clone(),
        declared: kept.declared.clone(),
    };
    Definition {
        append: table.write_mode == WriteMode::Append,
        key: table.key.clone(),
        soft: table.soft,
        soft_column: table.soft_column.clone(),
        audit: table.audit,
        adopted: table.adopted,
        columns: table.columns.iter().map(stored).collect(),
    }
}

fn read(schema: &str, name: &str, definition: Definition) -> Result<Table, Failure> {
    let kept = |stored: Stored| {
        let mut column = Column::new(stored.name, stored.column_type.parse()?);
        column.origin_type = stored.origin;
        Ok(KeptColumn { column, declared: stored.declared })
    };
    Ok(Table {
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns: definition.columns.into_iter().map(kept).collect::<Result<_, Failure>>()?,
        key: definition.key,
        write_mode: if definition.append { WriteMode::Append } else { WriteMode::Upsert },
        soft: definition.soft,
        soft_column: definition.soft_column,
        audit: definition.audit,
        adopted: definition.adopted,
    })
}

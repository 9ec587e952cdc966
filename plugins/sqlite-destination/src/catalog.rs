//! Which table of the file belongs to which table of the source, and how it is kept.
//!
//! The file's names know no schema and no case, so ownership is written down.

use cartridge_warp_sdk::{Column, Failure, WriteMode};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::failure;
use crate::names::{Scope, quoted};
use crate::table::Table;
use crate::text;

/// A table's owner and shape as stored.
pub(crate) struct Entry {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) table: Table,
}

/// The stored form, as JSON.
#[derive(Serialize, Deserialize)]
struct Definition {
    append: bool,
    key: Vec<String>,
    soft: bool,
    soft_column: Option<String>,
    audit: bool,
    adopted: bool,
    /// Names and types.
    columns: Vec<(String, String)>,
}

/// The entry of a table of the file.
pub(crate) fn load(scope: Scope<'_>, physical: &str) -> Result<Option<Entry>, Failure> {
    let sql = format!(
        "SELECT schema_name, table_name, definition, physical_name FROM {} WHERE physical_name = ?1",
        quoted(&scope.names.tables())
    );
    let row: Option<(String, String, String, String)> = scope
        .connection
        .query_row(&sql, [physical], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()
        .map_err(|error| failure::of(&error))?;
    let Some((schema, name, definition, physical)) = row else { return Ok(None) };
    let definition: Definition = serde_json::from_str(&definition).map_err(|error| {
        Failure::stop("damaged-metadata", format!("the stored definition of {name} is unreadable"))
            .detail(error.to_string())
    })?;
    Ok(Some(Entry { schema, name, table: read(definition, physical)? }))
}

/// Stores the entry of a table.
pub(crate) fn store(scope: Scope<'_>, name: &str, table: &Table) -> Result<(), Failure> {
    let definition = serde_json::to_string(&written(table)).map_err(|error| {
        Failure::stop("internal", "a table definition has no JSON form").detail(error.to_string())
    })?;
    let sql = format!(
        "INSERT INTO {} (physical_name, schema_name, table_name, definition, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (physical_name) DO UPDATE
         SET definition = excluded.definition, updated_at = excluded.updated_at",
        quoted(&scope.names.tables())
    );
    let values = params![table.physical, scope.schema, name, definition, text::now()];
    scope.connection.execute(&sql, values).map_err(|error| failure::of(&error))?;
    Ok(())
}

/// Forgets a table that was dropped.
pub(crate) fn remove(scope: Scope<'_>, physical: &str) -> Result<(), Failure> {
    let sql = format!("DELETE FROM {} WHERE physical_name = ?1", quoted(&scope.names.tables()));
    scope.connection.execute(&sql, [physical]).map_err(|error| failure::of(&error))?;
    Ok(())
}

fn written(table: &Table) -> Definition {
    let column = |column: &Column| (column.name.clone(), column.column_type.to_string());
    Definition {
        append: table.write_mode == WriteMode::Append,
        key: table.key.clone(),
        soft: table.soft,
        soft_column: table.soft_column.clone(),
        audit: table.audit,
        adopted: table.adopted,
        columns: table.columns.iter().map(column).collect(),
    }
}

fn read(definition: Definition, physical: String) -> Result<Table, Failure> {
    let column = |(name, kind): (String, String)| Ok(Column::new(name, kind.parse()?));
    Ok(Table {
        physical,
        columns: definition.columns.into_iter().map(column).collect::<Result<_, Failure>>()?,
        key: definition.key,
        write_mode: if definition.append { WriteMode::Append } else { WriteMode::Upsert },
        soft: definition.soft,
        soft_column: definition.soft_column,
        audit: definition.audit,
        adopted: definition.adopted,
    })
}

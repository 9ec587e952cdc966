//! Which table of the file belongs to which table of the source, and how it is kept.
//!
//! The file's names know no schema and no case, so ownership is written down.

use cartridge_warp_sdk::Failure;
use cartridge_warp_sdk::sql::{Stored, Table};
use rusqlite::{OptionalExtension, params};

use crate::failure;
use crate::names::{Scope, quoted};
use crate::text;

/// What was stored about a table of the file.
pub(crate) fn load(scope: Scope<'_>, physical: &str) -> Result<Option<Stored>, Failure> {
    let sql = format!(
        "SELECT schema_name, table_name, physical_name, definition FROM {} WHERE physical_name = ?1",
        quoted(&scope.names.tables())
    );
    let stored = |row: &rusqlite::Row<'_>| {
        let (schema, name, physical) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Stored { schema, name, physical, definition: row.get(3)? })
    };
    let row = scope.connection.query_row(&sql, [physical], stored).optional();
    row.map_err(|error| failure::of(&error))
}

/// Stores a table's definition.
pub(crate) fn store(scope: Scope<'_>, table: &Table, definition: &str) -> Result<(), Failure> {
    let sql = format!(
        "INSERT INTO {} (physical_name, schema_name, table_name, definition, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (physical_name) DO UPDATE
         SET definition = excluded.definition, updated_at = excluded.updated_at",
        quoted(&scope.names.tables())
    );
    let values = params![table.physical, scope.schema, table.name, definition, text::now()];
    scope.connection.execute(&sql, values).map_err(|error| failure::of(&error))?;
    Ok(())
}

/// Forgets a table that was dropped.
pub(crate) fn remove(scope: Scope<'_>, physical: &str) -> Result<(), Failure> {
    let sql = format!("DELETE FROM {} WHERE physical_name = ?1", quoted(&scope.names.tables()));
    scope.connection.execute(&sql, [physical]).map_err(|error| failure::of(&error))?;
    Ok(())
}

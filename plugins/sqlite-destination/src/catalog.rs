//! Which table of the file belongs to which table of the source, and how it is kept.
//!
//! The file's names know no schema and no case, so ownership is written down.

use cartridge_warp_sdk::sql::{Stored, Table};
use cartridge_warp_sdk::{Failure, Location, TablePlace};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::failure;
use crate::metadata::has_table;
use crate::names::{MAIN, Names, Scope, quoted};
use crate::text;

/// What was stored about a table of the file.
pub(crate) fn load(scope: Scope<'_>, physical: &str) -> Result<Option<Stored>, Failure> {
    let read = stored(scope.connection, scope.names, "physical_name = ?1", &[&physical]);
    read.map_err(|error| failure::of(&error))
}

/// What was stored about a table of the source.
pub(crate) fn find(scope: Scope<'_>, table: &str) -> Result<Option<Stored>, Failure> {
    let which = "schema_name = ?1 AND table_name = ?2";
    let read = stored(scope.connection, scope.names, which, &[&scope.schema, &table]);
    read.map_err(|error| failure::of(&error))
}

/// What is known of a name in the file; there may be no metadata yet.
pub(crate) fn locate(
    connection: &Connection,
    names: &Names,
    physical: &str,
) -> rusqlite::Result<Location> {
    let owner = match has_table(connection, &names.tables())? {
        true => stored(connection, names, "physical_name = ?1", &[&physical])?,
        false => None,
    };
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    let exists = connection.prepare_cached(sql)?.exists([physical])?;
    let owner = owner.map(|stored| TablePlace::new(stored.schema, stored.name));
    Ok(Location { exists, owner, ..nothing_at(physical) })
}

/// What is known of a name where there is no file.
pub(crate) fn nothing_at(physical: &str) -> Location {
    Location { identity: physical.to_ascii_lowercase(), exists: false, owner: None }
}

fn stored(
    connection: &Connection,
    names: &Names,
    which: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<Option<Stored>> {
    let sql = format!(
        "SELECT schema_name, table_name, physical_name, definition FROM {} WHERE {which}",
        quoted(&names.tables())
    );
    let stored = |row: &rusqlite::Row<'_>| {
        let physical = TablePlace::new(MAIN, row.get::<_, String>(2)?);
        Ok(Stored { schema: row.get(0)?, name: row.get(1)?, physical, definition: row.get(3)? })
    };
    connection.prepare_cached(&sql)?.query_row(values, stored).optional()
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
    let values = params![table.physical.table, scope.schema, table.name, definition, text::now()];
    scope.connection.execute(&sql, values).map_err(|error| failure::of(&error))?;
    Ok(())
}

/// Forgets where else a table of the source was kept.
pub(crate) fn leave(scope: Scope<'_>, table: &Table) -> Result<(), Failure> {
    let sql = format!(
        "DELETE FROM {} WHERE schema_name = ?1 AND table_name = ?2 AND physical_name <> ?3",
        quoted(&scope.names.tables())
    );
    let values = params![scope.schema, table.name, table.physical.table];
    scope.connection.execute(&sql, values).map_err(|error| failure::of(&error))?;
    Ok(())
}

/// Forgets a table that was dropped.
pub(crate) fn remove(scope: Scope<'_>, physical: &str) -> Result<(), Failure> {
    let sql = format!("DELETE FROM {} WHERE physical_name = ?1", quoted(&scope.names.tables()));
    scope.connection.execute(&sql, [physical]).map_err(|error| failure::of(&error))?;
    Ok(())
}

//! Looks up a table that is already in the file.

use cartridge_warp_sdk::Failure;
use cartridge_warp_sdk::sql::{Existing, ExistingColumn, Table, Unique};

use crate::failure;
use crate::names::{Scope, quoted};

/// A column, and whether it is part of the primary key.
type Described = (ExistingColumn, bool);

/// Looks a table up; views and virtual tables are a failure.
pub(crate) fn find(scope: Scope<'_>, physical: &str) -> Result<Option<Existing>, Failure> {
    let kinds = "SELECT type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' FROM sqlite_schema
                 WHERE name = ?1 COLLATE NOCASE";
    let kinds: Vec<bool> = rows(scope, kinds, physical, |row| row.get(0))?;
    match kinds.first() {
        None => Ok(None),
        Some(false) => Err(Failure::config(
            "not-a-table",
            format!("{physical} is there already and is no ordinary table; rename one of them"),
        )),
        Some(true) => {
            let columns = columns(scope, physical)?;
            let unique = unique(scope, physical, &columns)?;
            let columns = columns.into_iter().map(|(column, _)| column).collect();
            Ok(Some(Existing { columns, unique }))
        }
    }
}

/// Whether any row has a value in the column.
pub(crate) fn has_values(scope: Scope<'_>, table: &Table, column: &str) -> Result<bool, Failure> {
    let (table, column) = (&table.sql, quoted(column));
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {column} IS NOT NULL)");
    scope.connection.query_row(&sql, [], |row| row.get(0)).map_err(|error| failure::of(&error))
}

fn columns(scope: Scope<'_>, physical: &str) -> Result<Vec<Described>, Failure> {
    let sql = "SELECT name, type, \"notnull\" AND dflt_value IS NULL, hidden > 1, pk > 0
               FROM pragma_table_xinfo(?1)";
    rows(scope, sql, physical, |row| {
        let column = ExistingColumn {
            name: row.get(0)?,
            declared: row.get(1)?,
            demanded: row.get(2)?,
            generated: row.get(3)?,
        };
        Ok((column, row.get(4)?))
    })
}

/// Unique indexes with binary collation: one that ignores case would merge rows.
fn unique(scope: Scope<'_>, physical: &str, columns: &[Described]) -> Result<Vec<Unique>, Failure> {
    let exact = |columns| Unique { columns, exact: true };
    let indexes = "SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND NOT partial";
    let mut unique = Vec::new();
    for index in rows(scope, indexes, physical, |row| row.get::<_, String>(0))? {
        let parts = "SELECT CASE coll WHEN 'BINARY' THEN name END FROM pragma_index_xinfo(?1)
                     WHERE key";
        let parts = rows(scope, parts, &index, |row| row.get::<_, Option<String>>(0))?;
        unique.extend(parts.into_iter().collect::<Option<Vec<_>>>().map(exact));
    }
    // An INTEGER PRIMARY KEY is the row id and has no index.
    let mut primary = columns.iter().filter(|(_, in_primary_key)| *in_primary_key);
    if let (Some((only, _)), None) = (primary.next(), primary.next())
        && only.declared.eq_ignore_ascii_case("INTEGER")
    {
        unique.push(exact(vec![only.name.clone()]));
    }
    Ok(unique)
}

fn rows<T>(
    scope: Scope<'_>,
    sql: &str,
    name: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Failure> {
    scope
        .connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map([name], read)?.collect())
        .map_err(|error| failure::of(&error))
}

//! Indexes that a table is given. They are made in one transaction, in which nobody else writes, as SQLite has it.

use cartridge_warp_sdk::sql::{Table, Vendor, index_name, kept, lacks};
use cartridge_warp_sdk::{Extra, ExtraOutcome, ExtraRequest, Failure, TableIndex};
use rusqlite::{OptionalExtension, params};

use crate::failure;
use crate::names::{Scope, quoted};

/// No longer name is any better for people.
const NAME_BYTES_MAX: usize = 255;

/// Makes what is asked for.
pub(crate) fn make(scope: Scope<'_>, request: &ExtraRequest) -> Result<ExtraOutcome, Failure> {
    let Extra::Index(index) = &request.extra else {
        return Ok(ExtraOutcome::Refused("SQLite keeps no comments".to_owned()));
    };
    let table = kept(&scope, &request.table)?;
    if let Some(why) = lacks(&table, index) {
        return Ok(ExtraOutcome::Refused(why));
    }
    let failed = |error: rusqlite::Error| failure::of(&error);
    if has(scope, &table, index).map_err(failed)? {
        return Ok(ExtraOutcome::Unchanged);
    }
    let name = index_name(&table, index, NAME_BYTES_MAX, |name| is_taken(scope, name));
    let column = |at: usize| {
        let order = if index.columns[at].descending { " DESC" } else { "" };
        format!("{}{order}", quoted(&index.columns[at].name))
    };
    let columns: Vec<String> = (0..index.columns.len()).map(column).collect();
    let name = quoted(&name.map_err(failed)?);
    match scope.run(&format!("CREATE INDEX {name} ON {} ({})", table.sql, columns.join(", "))) {
        Ok(()) => Ok(ExtraOutcome::Made),
        Err(error) => scope.refusal_words(&error).map(ExtraOutcome::Refused).ok_or(error),
    }
}

/// What has to go before a column can: SQLite drops none that an index is over. `again` makes it once more.
pub(crate) fn over(scope: Scope<'_>, table: &Table, column: &str) -> Result<Vec<Over>, Failure> {
    let sql =
        "SELECT s.name, s.sql FROM sqlite_schema s WHERE s.type = 'index' AND s.sql IS NOT NULL
                   AND s.tbl_name = ?1 COLLATE NOCASE
                   AND EXISTS (SELECT 1 FROM pragma_index_list(?1) l
                       JOIN pragma_index_xinfo(l.name) x ON x.key AND x.name = ?2 COLLATE NOCASE
                       WHERE l.name = s.name AND NOT l.\"unique\" AND NOT l.partial)
               ORDER BY s.name";
    let found = scope.connection.prepare_cached(sql).and_then(|mut statement| {
        let over = |row: &rusqlite::Row<'_>| {
            let name: String = row.get(0)?;
            Ok(Over { drop: format!("DROP INDEX {}", quoted(&name)), again: row.get(1)? })
        };
        statement.query_map(params![table.physical.table, column], over)?.collect()
    });
    found.map_err(|error| failure::of(&error))
}

/// An index over a column.
pub(crate) struct Over {
    pub(crate) drop: String,
    pub(crate) again: String,
}

/// Whether an index is there that finds rows by the same columns in the same order.
fn has(scope: Scope<'_>, table: &Table, index: &TableIndex) -> rusqlite::Result<bool> {
    let sql = "SELECT name FROM pragma_index_list(?1) WHERE NOT partial";
    let mut statement = scope.connection.prepare_cached(sql)?;
    let names = statement.query_map([&table.physical.table], |row| row.get(0))?;
    for name in names.collect::<rusqlite::Result<Vec<String>>>()? {
        let sql =
            "SELECT CASE coll WHEN 'BINARY' THEN name END, \"desc\" FROM pragma_index_xinfo(?1)
                   WHERE key ORDER BY seqno";
        let mut statement = scope.connection.prepare_cached(sql)?;
        let columns = statement.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let columns = columns.collect::<rusqlite::Result<Vec<(Option<String>, bool)>>>()?;
        let is_same = |(there, wanted): (&(Option<String>, bool), _)| {
            let (name, descending) = there;
            let wanted: &cartridge_warp_sdk::IndexColumn = wanted;
            name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&wanted.name))
                && *descending == wanted.descending
        };
        if columns.len() == index.columns.len() && columns.iter().zip(&index.columns).all(is_same) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tables and indexes of a file share their names.
fn is_taken(scope: Scope<'_>, name: &str) -> rusqlite::Result<bool> {
    let reserved = name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("sqlite_"));
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    let found: Option<i64> =
        scope.connection.query_row(sql, [name], |row| row.get(0)).optional()?;
    Ok(reserved || name.contains('\0') || found.is_some())
}

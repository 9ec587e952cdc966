//! A table that is copied again while its rows stay.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::sql::{Table, Tables, drop_keys, left_over, planned};
use cartridge_warp_sdk::{Failure, SweepRequest};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use crate::dead_letters::DeadLetters;
use crate::failure;
use crate::metadata;
use crate::names::Scope;
use crate::row_number::row_number;
use crate::statement::{self, Sql};
use crate::text;

/// Rows of the table that are swept by one statement.
const PART_ROWS: u32 = 100_000;
/// How long one call goes on with more of them.
const CALL: Duration = Duration::from_secs(5);

/// Begins; or why the table has to be emptied instead.
pub(crate) fn begin(
    scope: Scope<'_>,
    request: &SweepRequest,
    tables: &Tables,
) -> Result<Option<String>, Failure> {
    let (table, keys) = (planned(&request.table, tables)?, planned(&request.keys, tables)?);
    if keys.adopted {
        return Ok(Some(format!("a table {} was there before the connector", keys.physical.table)));
    }
    if let Some(reason) = obstacle(scope.connection, table).map_err(|error| failure::of(&error))? {
        return Ok(Some(reason));
    }
    let cleared = scope.connection.execute(&statement::clear(keys), []);
    cleared.map_err(|error| failure::of(&error))?;
    keep(scope, request, &request.table)?;
    Ok(None)
}

/// Ends what is left over behind this row number, for some seconds; the row number that it got to, where there is
/// more behind it.
pub(crate) fn end(
    scope: Scope<'_>,
    request: &SweepRequest,
    tables: &mut Tables,
    mut from: i64,
) -> Result<(u64, Option<i64>), Failure> {
    let (table, keys) = (planned(&request.table, tables)?, planned(&request.keys, tables)?);
    let gone = left_over(&scope, table, keys, &table.sql, |value, _, _| value)?;
    let number = row_number(scope.connection, table).map_err(|error| failure::of(&error))?;
    let number = number.ok_or_else(|| no_numbers(table))?;
    let (now, begun, mut rows) = (text::now(), Instant::now(), 0);
    loop {
        let to = last_of_part(scope.connection, table, number, from);
        let to = to.map_err(|error| failure::of(&error))?;
        let part = format!("{number} BETWEEN {from} AND {} AND {gone}", to.unwrap_or(i64::MAX));
        let Sql { text, extras } = statement::sweep(table, &part);
        // Whatever else a delete says is when.
        let ended = scope.connection.execute(&text, params_from_iter(extras.iter().map(|_| &now)));
        rows += ended.map_err(|error| failure::of(&error))? as u64;
        match to {
            None => break,
            Some(to) if begun.elapsed() >= CALL => return Ok((rows, Some(to))),
            Some(to) => from = to,
        }
    }
    drop_keys(&scope, &request.keys, tables)?;
    keep(scope, request, &request.keys)?;
    Ok((rows, None))
}

fn no_numbers(table: &Table) -> Failure {
    let words = format!("rows of table {} have no numbers any more", table.physical.table);
    Failure::reconnect("no-row-numbers", words)
}

/// The number of the last row of a part; none where it is the last part.
fn last_of_part(
    connection: &Connection,
    table: &Table,
    number: &str,
    from: i64,
) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "SELECT {number} FROM {} WHERE {number} >= ?1 ORDER BY {number} LIMIT 1 OFFSET {PART_ROWS}",
        table.sql
    );
    connection.query_row(&sql, [from], |row| row.get(0)).optional()
}

/// Settles the letters of a table, and stores the markers.
fn keep(scope: Scope<'_>, request: &SweepRequest, settled: &str) -> Result<(), Failure> {
    let Scope { connection, names, schema } = scope;
    DeadLetters::new(connection, names, schema, &text::now()).settle_emptied(settled)?;
    metadata::store_markers(connection, names, schema, &request.markers, request.epoch)
}

/// Why rows that are to go cannot stay until new ones have come.
fn obstacle(connection: &Connection, table: &Table) -> rusqlite::Result<Option<String>> {
    let physical = &table.physical.table;
    if row_number(connection, table)?.is_none() {
        return Ok(Some("its rows have no numbers (WITHOUT ROWID)".to_owned()));
    }
    let mut indexes =
        connection.prepare("SELECT name, partial FROM pragma_index_list(?1) WHERE \"unique\"")?;
    let indexes = indexes.query_map([physical], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let key: BTreeSet<Option<String>> =
        table.key.iter().map(|name| Some(name.to_ascii_lowercase())).collect();
    for index in indexes {
        let (index, partial): (String, bool) = index?;
        let mut columns = connection.prepare("SELECT lower(name) FROM pragma_index_info(?1)")?;
        let columns = columns.query_map([&index], |row| row.get(0))?;
        if partial || columns.collect::<rusqlite::Result<BTreeSet<Option<String>>>>()? != key {
            return Ok(Some(format!(
                "rows that are to go may have values of new ones in its index {index}"
            )));
        }
    }
    let referenced =
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema s JOIN pragma_foreign_key_list(s.name) f
                      WHERE s.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE)";
    let referenced = connection.query_row(referenced, params![physical], |row| row.get(0))?;
    Ok(if referenced { Some("foreign keys refer to it".to_owned()) } else { None })
}

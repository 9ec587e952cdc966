//! The connector's own tables: epochs and markers, in the transaction of the rows they belong to.

use cartridge_warp_sdk::sql::{LETTER_COLUMNS_ADDED, damaged, is_present, unclaimed};
use cartridge_warp_sdk::{Failure, Marker};
use rusqlite::{Connection, OptionalExtension, params};

use crate::failure;
use crate::names::{Names, quoted};
use crate::text;

/// Makes the metadata tables that are not there.
pub(crate) fn create(connection: &Connection, names: &Names) -> Result<(), Failure> {
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS {epochs} (
             schema_name TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL,
             owner TEXT NOT NULL, claimed_at TEXT NOT NULL) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS {markers} (
             schema_name TEXT NOT NULL, stream TEXT NOT NULL, value BLOB NOT NULL,
             epoch INTEGER NOT NULL, updated_at TEXT NOT NULL,
             PRIMARY KEY (schema_name, stream));
         CREATE TABLE IF NOT EXISTS {tables} (
             physical_name TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
             schema_name TEXT NOT NULL, table_name TEXT NOT NULL,
             definition TEXT NOT NULL, updated_at TEXT NOT NULL);
         CREATE INDEX IF NOT EXISTS {of_source} ON {tables} (schema_name, table_name);
         CREATE TABLE IF NOT EXISTS {letters} (
             id INTEGER PRIMARY KEY, schema_name TEXT NOT NULL, table_name TEXT NOT NULL,
             operation TEXT NOT NULL, payload TEXT NOT NULL, error_code TEXT NOT NULL,
             error_message TEXT NOT NULL, origin TEXT NOT NULL, count INTEGER NOT NULL DEFAULT 1,
             status TEXT NOT NULL DEFAULT 'pending', fingerprint INTEGER NOT NULL,
             created_at TEXT NOT NULL, last_seen_at TEXT NOT NULL, resolution TEXT,
             row_key TEXT);
         CREATE INDEX IF NOT EXISTS {index} ON {letters} (fingerprint);",
        epochs = quoted(&names.epochs()),
        markers = quoted(&names.markers()),
        tables = quoted(&names.tables()),
        of_source = quoted(&format!("{}_of_source", names.tables())),
        letters = quoted(&names.dead_letters()),
        index = quoted(&format!("{}_fingerprint", names.dead_letters())),
    );
    connection
        .execute_batch(&sql)
        .and_then(|()| add_columns(connection, &names.dead_letters()))
        .map_err(|error| failure::of(&error))
}

/// The columns that a table of dead letters from an older release lacks.
pub(crate) fn lacking(
    connection: &Connection,
    letters: &str,
) -> rusqlite::Result<Vec<&'static str>> {
    let mut lacking = Vec::new();
    for column in LETTER_COLUMNS_ADDED {
        if !connection.column_exists(None, letters, column)? {
            lacking.push(column);
        }
    }
    Ok(lacking)
}

fn add_columns(connection: &Connection, letters: &str) -> rusqlite::Result<()> {
    for column in lacking(connection, letters)? {
        connection.execute_batch(&format!("ALTER TABLE {} ADD {column} TEXT", quoted(letters)))?;
    }
    Ok(())
}

/// Raises the schema's epoch and returns it.
pub(crate) fn claim(
    connection: &Connection,
    names: &Names,
    schema: &str,
    owner: &str,
) -> Result<u64, Failure> {
    let sql = format!(
        "INSERT INTO {} (schema_name, epoch, owner, claimed_at) VALUES (?1, 1, ?2, ?3)
         ON CONFLICT (schema_name) DO UPDATE
         SET epoch = epoch + 1, owner = excluded.owner, claimed_at = excluded.claimed_at
         RETURNING epoch",
        quoted(&names.epochs())
    );
    let epoch: i64 = connection
        .query_row(&sql, params![schema, owner, text::now()], |row| row.get(0))
        .map_err(|error| failure::of(&error))?;
    u64::try_from(epoch).map_err(|_| damaged("an epoch is negative"))
}

/// I3: goes on only for the schema's present owner. The transaction holds the write lock, so nobody
/// can claim the schema between this look and the commit.
pub(crate) fn check_epoch(
    connection: &Connection,
    names: &Names,
    schema: &str,
    epoch: u64,
) -> Result<(), Failure> {
    if !has_table(connection, &names.epochs()).map_err(|error| failure::of(&error))? {
        return Err(unclaimed(schema));
    }
    let sql = format!("SELECT epoch FROM {} WHERE schema_name = ?1", quoted(&names.epochs()));
    let current: Option<i64> = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([schema], |row| row.get(0)).optional())
        .map_err(|error| failure::of(&error))?;
    is_present(schema, epoch, current)
}

/// The value of a marker; none also where no metadata exists.
pub(crate) fn marker(
    connection: &Connection,
    names: &Names,
    schema: &str,
    stream: &str,
) -> rusqlite::Result<Option<Vec<u8>>> {
    if !has_table(connection, &names.markers())? {
        return Ok(None);
    }
    let sql = format!(
        "SELECT value FROM {} WHERE schema_name = ?1 AND stream = ?2",
        quoted(&names.markers())
    );
    connection.query_row(&sql, [schema, stream], |row| row.get(0)).optional()
}

/// Stores or deletes markers.
pub(crate) fn store_markers(
    connection: &Connection,
    names: &Names,
    schema: &str,
    markers: &[Marker],
    epoch: u64,
) -> Result<(), Failure> {
    let table = quoted(&names.markers());
    let store = format!(
        "INSERT INTO {table} (schema_name, stream, value, epoch, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (schema_name, stream) DO UPDATE
         SET value = excluded.value, epoch = excluded.epoch, updated_at = excluded.updated_at"
    );
    let remove = format!("DELETE FROM {table} WHERE schema_name = ?1 AND stream = ?2");
    let epoch = i64::try_from(epoch).map_err(|_| damaged("an epoch is out of range"))?;
    for Marker { stream, value } in markers {
        let stored = match value {
            Some(value) => connection
                .prepare_cached(&store)
                .and_then(|mut s| s.execute(params![schema, stream, value, epoch, text::now()])),
            None => {
                connection.prepare_cached(&remove).and_then(|mut s| s.execute([schema, stream]))
            }
        };
        stored.map_err(|error| failure::of(&error))?;
    }
    Ok(())
}

/// Whether the file has a table of this name.
pub(crate) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE",
    )?;
    statement.exists([name])
}

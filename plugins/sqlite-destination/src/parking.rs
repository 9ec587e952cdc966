//! Rows that take each other's values where these cannot be empty: all of them leave the table, get their
//! values outside of it, and come back.
//!
//! Whole rows travel, with the columns that the batch does not have and those that are the operator's own.

use cartridge_warp_sdk::Failure;
use cartridge_warp_sdk::sql::Table;
use rusqlite::Connection;

use crate::failure;
use crate::names::quoted;
use crate::statement::by_key;

/// A place beside one table.
pub(crate) struct Parking {
    /// The place, kept like the table.
    pub(crate) beside: Table,
    /// Moves a row there; the parameters are its key.
    pub(crate) leave: String,
    /// Removes it from the table.
    pub(crate) remove: String,
    /// Moves it back.
    pub(crate) come_back: String,
}

impl Parking {
    /// Makes the place; none where it would do more to leave the table than that. Whoever undoes the
    /// savepoint that is open undoes it, too.
    pub(crate) fn open(
        connection: &Connection,
        table: &Table,
        number: usize,
    ) -> Result<Option<Self>, Failure> {
        let failed = |error: rusqlite::Error| failure::of(&error);
        let triggers = "SELECT count(*) FROM sqlite_schema
                        WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE";
        let triggers: i64 = connection
            .query_row(triggers, [&table.physical.table], |row| row.get(0))
            .map_err(failed)?;
        if triggers > 0 || table.key.is_empty() {
            return Ok(None);
        }
        let mut columns = connection
            .prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden < 2")
            .map_err(failed)?;
        let names = columns.query_map([&table.physical.table], |row| row.get::<_, String>(0));
        let names: Vec<String> = names.and_then(Iterator::collect).map_err(failed)?;
        let list =
            |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let (columns, key) = (list(&names), list(&table.key));
        let name = quoted(&format!("_cartridge_parking_{number}"));
        let (sql, place) = (&table.sql, format!("temp.{name}"));
        connection
            .execute_batch(&format!(
                "DROP TABLE IF EXISTS {place};
                 CREATE TEMPORARY TABLE {name} AS SELECT {columns} FROM {sql} WHERE 0;
                 CREATE UNIQUE INDEX temp.{} ON {name} ({key})",
                quoted(&format!("_cartridge_parking_{number}_key"))
            ))
            .map_err(failed)?;
        let one = by_key(table);
        let leave = format!("INSERT INTO {place} SELECT {columns} FROM {sql} WHERE {one}");
        let remove = format!("DELETE FROM {sql} WHERE {one}");
        let come_back =
            format!("INSERT INTO {sql} ({columns}) SELECT {columns} FROM {place} WHERE {one}");
        let beside = Table { sql: place, ..table.clone() };
        Ok(Some(Self { beside, leave, remove, come_back }))
    }

    /// Gives the place back.
    pub(crate) fn close(self, connection: &Connection) -> Result<(), Failure> {
        let sql = format!("DROP TABLE {}", self.beside.sql);
        connection.execute_batch(&sql).map_err(|error| failure::of(&error))
    }
}

//! Rows that could not be written, kept for a person beside those that could.

use cartridge_warp_sdk::sql::{EMPTIED, OPEN_LETTERS, fingerprint};
use cartridge_warp_sdk::{DeadLetter, Failure};
use rusqlite::{Connection, params};

use crate::failure;
use crate::names::{Names, quoted};

/// The dead letters of one schema in an open transaction.
pub(crate) struct DeadLetters<'a> {
    connection: &'a Connection,
    schema: &'a str,
    now: &'a str,
    count: String,
    insert: String,
    settle: String,
}

impl<'a> DeadLetters<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        names: &Names,
        schema: &'a str,
        now: &'a str,
    ) -> Self {
        let table = quoted(&names.dead_letters());
        let count = format!(
            "UPDATE {table} SET count = count + 1, last_seen_at = ?9
             WHERE fingerprint = ?8 AND status = 'pending' AND schema_name = ?1 AND table_name = ?2
               AND operation = ?3 AND payload = ?4 AND error_code = ?5 AND error_message = ?6
               AND origin = ?7"
        );
        let insert = format!(
            "INSERT INTO {table} (schema_name, table_name, operation, payload, error_code,
                 error_message, origin, fingerprint, created_at, last_seen_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)"
        );
        let settle = format!(
            "UPDATE {table} SET status = 'resolved', resolution = ?3
             WHERE schema_name = ?1 AND table_name = ?2 AND {OPEN_LETTERS}"
        );
        Self { connection, schema, now, count, insert, settle }
    }

    /// Settles the open letters of a table that is emptied.
    pub(crate) fn settle_emptied(&self, table: &str) -> Result<(), Failure> {
        let settled = self.connection.execute(&self.settle, params![self.schema, table, EMPTIED]);
        settled.map(drop).map_err(|error| failure::of(&error))
    }

    /// Keeps letters; the same one again only raises its count.
    pub(crate) fn store(&self, letters: &[DeadLetter]) -> Result<(), Failure> {
        letters.iter().try_for_each(|letter| self.store_one(letter))
    }

    fn store_one(&self, letter: &DeadLetter) -> Result<(), Failure> {
        let DeadLetter { table, operation, payload, code, message, origin } = letter;
        let print = fingerprint([self.schema, table, payload, code, origin]);
        let values =
            params![self.schema, table, operation, payload, code, message, origin, print, self.now];
        let stored = || -> rusqlite::Result<()> {
            if self.connection.prepare_cached(&self.count)?.execute(values)? == 0 {
                self.connection.prepare_cached(&self.insert)?.execute(values)?;
            }
            Ok(())
        };
        stored().map_err(|error| failure::of(&error))
    }
}

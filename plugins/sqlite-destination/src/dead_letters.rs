//! Rows that could not be written, kept for a person beside those that could.

use cartridge_warp_sdk::sql::{EMPTIED, LetterSql, OPEN_LETTERS, fingerprint};
use cartridge_warp_sdk::{DeadLetter, Failure, Settlement};
use rusqlite::{Connection, params, params_from_iter};

use crate::failure;
use crate::letters::words;
use crate::names::{Names, quoted};

/// The dead letters of one schema in an open transaction.
pub(crate) struct DeadLetters<'a> {
    connection: &'a Connection,
    schema: &'a str,
    now: &'a str,
    table: String,
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
               AND origin = ?7 AND row_key IS ?10"
        );
        let insert = format!(
            "INSERT INTO {table} (schema_name, table_name, operation, payload, error_code,
                 error_message, origin, fingerprint, created_at, last_seen_at, row_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)"
        );
        let settle = format!(
            "UPDATE {table} SET status = 'resolved', resolution = ?3
             WHERE schema_name = ?1 AND table_name = ?2 AND {OPEN_LETTERS}"
        );
        Self { connection, schema, now, table, count, insert, settle }
    }

    /// Settles the open letters of a table that is emptied.
    pub(crate) fn settle_emptied(&self, table: &str) -> Result<(), Failure> {
        let settled = self.connection.execute(&self.settle, params![self.schema, table, EMPTIED]);
        settled.map(drop).map_err(|error| failure::of(&error))
    }

    /// Keeps letters; the same one again only raises its count. Those that are tried again are settled, but for
    /// the ones whose rows are refused again.
    pub(crate) fn store(
        &self,
        letters: &[DeadLetter],
        retry: Option<&Settlement>,
    ) -> Result<(), Failure> {
        let stored = || -> rusqlite::Result<()> {
            if let Some(retry) = retry {
                let LetterSql { text, values } = words(&self.table).settle(self.schema, retry);
                self.connection.execute(&text, params_from_iter(values))?;
            }
            letters.iter().try_for_each(|letter| match retry {
                Some(retry) if self.open_again(letter, retry)? => Ok(()),
                _ => self.store_one(letter),
            })
        };
        stored().map_err(|error| failure::of(&error))
    }

    fn store_one(&self, letter: &DeadLetter) -> rusqlite::Result<()> {
        let DeadLetter { table, operation, payload, code, message, origin, key } = letter;
        let print = self.fingerprint(letter);
        let values = params![
            self.schema,
            table,
            operation,
            payload,
            code,
            message,
            origin,
            print,
            self.now,
            key
        ];
        if self.connection.prepare_cached(&self.count)?.execute(values)? == 0 {
            self.connection.prepare_cached(&self.insert)?.execute(values)?;
        }
        Ok(())
    }

    /// Whether the row's letter is one of those that are tried again: it stays open, with what is wrong now.
    fn open_again(&self, letter: &DeadLetter, retry: &Settlement) -> rusqlite::Result<bool> {
        let DeadLetter { table, operation, payload, code, message, origin, key } = letter;
        let sql = format!(
            "UPDATE {} SET status = 'pending', resolution = NULL, count = count + 1, operation = ?3,
                 payload = ?4, error_code = ?5, error_message = ?6, origin = ?7, fingerprint = ?8,
                 last_seen_at = ?9
             WHERE {}",
            self.table,
            words(&self.table).tried_again(&retry.ids, [1, 2, 10, 11])
        );
        let print = self.fingerprint(letter);
        let values = params![
            self.schema,
            table,
            operation,
            payload,
            code,
            message,
            origin,
            print,
            self.now,
            key,
            retry.resolution
        ];
        Ok(self.connection.prepare_cached(&sql)?.execute(values)? > 0)
    }

    fn fingerprint(&self, letter: &DeadLetter) -> i64 {
        let DeadLetter { table, payload, code, origin, .. } = letter;
        fingerprint([self.schema, table, payload, code, origin])
    }
}

//! Rows as they are now, by their keys.
//!
//! A commit may stand in the log, and be told, before others see what it did. So the transactions that are writing
//! are waited for, as before a copy: what was told is seen then.

use std::rc::Rc;

use bytes::Bytes;
use cartridge_warp_sdk::{
    DeadLetter, Failure, Limits, LookedUp, Operation, TableRows, TableWriter, ValueError, key_text,
};
use postgresql_client::NO_SUCH_VALUE;
use postgresql_client::large::ROW_BYTES_MAX;
use postgresql_client::print;

use crate::catalog::SourceTable;
use crate::pgoutput::Field;
use crate::question::{Found, Key, Question};
use crate::session::Session;
use crate::{PostgresqlSource, rejected};

/// Keys in one query.
const KEYS_MAX: usize = 50;
/// Rows that are larger are asked for one by one, so a query brings a few megabytes (I7).
const SMALL_BYTES_MAX: u64 = 64 << 10;
const ROW_FOUND_BYTES_MAX: u64 = ROW_BYTES_MAX as u64 / 2;

/// Looks up as many rows as the limits allow.
pub fn look_up(
    source: &mut PostgresqlSource,
    schema: &str,
    table: &str,
    keys: &TableRows,
    limits: Limits,
) -> Result<LookedUp, Failure> {
    source.load(schema)?;
    let table = source.table(schema, table)?;
    let what = format!("looking rows of table {schema}.{} up", table.shape.name);
    let waits = &mut source.snapshot.waits;
    if !waits.is_begun(&what) {
        waits.begin(&source.control, &what, Vec::new())?;
    }
    waits.end(&source.control, &what)?;
    let mut rows = Rows::new(&source.control, table, keys);
    rows.read(limits)?;
    rows.finish()
}

/// Rows that are looked up.
struct Rows<'s> {
    session: &'s Session,
    table: Rc<SourceTable>,
    keys: &'s TableRows,
    writer: TableWriter,
    answer: LookedUp,
}

impl<'s> Rows<'s> {
    fn new(session: &'s Session, table: Rc<SourceTable>, keys: &'s TableRows) -> Self {
        let writer = TableWriter::inserts(&table.shape);
        Self { session, table, keys, writer, answer: LookedUp::default() }
    }

    fn read(&mut self, limits: Limits) -> Result<(), Failure> {
        let texts: Vec<Option<Key>> = (0..self.keys.len()).map(|row| self.key(row)).collect();
        while self.answer.answered < texts.len() {
            let from = self.answer.answered;
            let some = &texts[from..texts.len().min(from + KEYS_MAX)];
            let asked: Vec<&Key> = some.iter().flatten().collect();
            if asked.len() < some.len() {
                return Err(Failure::stop(
                    "malformed-batch",
                    "keys that are looked up lack values",
                ));
            }
            let found = match self.ask(&asked, SMALL_BYTES_MAX) {
                // One of them is no value of its column.
                Err(failure) if failure.code == NO_SUCH_VALUE => None,
                found => Some(found?),
            };
            for (place, key) in asked.iter().enumerate() {
                match &found {
                    Some(found) => self.take(key, found.get(&place).map(Rc::as_ref))?,
                    None => self.take_alone(key)?,
                }
                self.answer.answered += 1;
                let is_full = self.writer.bytes() >= limits.bytes_max;
                if is_full || self.answer.answered >= limits.rows_max {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<LookedUp, Failure> {
        if !self.writer.is_empty() {
            self.answer.rows = Some(self.writer.finish()?);
        }
        Ok(self.answer)
    }

    /// The texts of a key as the server reads them.
    fn key(&self, row: usize) -> Option<Key> {
        let text = |name: &String| {
            let value = self.keys.value(row, self.keys.index_of(name)?);
            Some(Bytes::from(print::key(&value)?))
        };
        self.table.shape.key.iter().map(text).collect()
    }

    fn ask(
        &self,
        keys: &[&Key],
        bytes_max: u64,
    ) -> Result<std::collections::HashMap<usize, Rc<Found>>, Failure> {
        let columns = (0..self.table.columns.len()).collect();
        Question { table: self.table.clone(), columns, bytes_max }.ask(self.session, keys)
    }

    fn take_alone(&mut self, key: &Key) -> Result<(), Failure> {
        match self.ask(&[key], SMALL_BYTES_MAX) {
            Err(failure) if failure.code == NO_SUCH_VALUE => {
                let column = self.table.shape.key.join(", ");
                let reason = "the server has no such value of its type".to_owned();
                self.reject(&[], &ValueError { column, reason });
                Ok(())
            }
            found => self.take(key, found?.get(&0).map(Rc::as_ref)),
        }
    }

    /// The row of the next key.
    fn take(&mut self, key: &Key, found: Option<&Found>) -> Result<(), Failure> {
        let Some(found) = found else {
            self.answer.absent.push(self.answer.answered);
            return Ok(());
        };
        if found.bytes() <= SMALL_BYTES_MAX {
            self.write(found, SMALL_BYTES_MAX);
            return Ok(());
        }
        match self.ask(&[key], ROW_FOUND_BYTES_MAX)?.get(&0) {
            Some(found) => self.write(found, ROW_FOUND_BYTES_MAX),
            // It went a moment ago.
            None => self.answer.absent.push(self.answer.answered),
        }
        Ok(())
    }

    fn write(&mut self, found: &Found, bytes_max: u64) {
        let fields: Vec<Field> =
            (0..self.table.columns.len()).map(|column| found.field(column, bytes_max)).collect();
        if let Err(error) = write_row(&mut self.writer, &self.table, &fields) {
            self.reject(&fields, &error);
        }
    }

    fn reject(&mut self, fields: &[Field], error: &ValueError) {
        let table = &self.table;
        let named = table.columns.iter().map(|column| column.column.name.as_str());
        let fields = named.zip(fields).filter_map(|(name, field)| match field {
            Field::Text(text) => Some((name, Some(&text[..]))),
            Field::Null => Some((name, None)),
            Field::Unchanged | Field::Cut(_) => None,
        });
        let letter = rejected::letter(table, fields, error, &table.qualified());
        let key = key_text(self.keys, self.answer.answered, &table.shape.key);
        let letter: DeadLetter = letter.operation(Operation::Insert).key(key);
        self.answer.rejected.push(letter);
    }
}

fn write_row(
    writer: &mut TableWriter,
    table: &SourceTable,
    fields: &[Field],
) -> Result<(), ValueError> {
    let mut row = writer.row(Operation::Insert);
    for (column, field) in fields.iter().enumerate() {
        match field {
            Field::Text(text) => rejected::set(&mut row, table, column, text)?,
            Field::Cut(bytes) => return Err(rejected::too_large(table, column, *bytes)),
            Field::Null | Field::Unchanged => {}
        }
    }
    row.commit();
    Ok(())
}

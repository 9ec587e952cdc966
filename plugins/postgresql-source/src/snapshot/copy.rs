//! One COPY of a stretch of pages, taken row by row.
//!
//! It runs in a transaction of its own, which lasts until the chunk ends: one snapshot for all of
//! it, and a lock that keeps the table from being rewritten. The server sends as fast as rows are
//! taken, so memory is bounded.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cartridge_warp_sdk::{
    DeadLetter, Failure, Limits, Operation, TableRows, TableWriter, ValueError,
};
use futures_util::{FutureExt, StreamExt};
use postgresql_client::tokio::time::timeout;
use postgresql_client::tokio_postgres::{CopyOutStream, Error};

use super::cursor::{Cursor, Descriptor};
use super::row::{Malformed, Reader, Row};
use super::select::Selection;
use crate::catalog::access::{Rows, rows_of};
use crate::catalog::tables::{self, Which};
use crate::catalog::{SourceTable, waiting};
use crate::recode::recode;
use crate::session::{Session, meanwhile, number, unexpected};
use crate::value::binary;
use crate::{PostgresqlSource, rejected};

/// How long a call waits for rows; then it returns without, since the host has a deadline.
const PATIENCE: Duration = Duration::from_secs(15);
/// Rows must come in the order of their places, for the cursor to mean anything.
const IN_ORDER: &str = "SET LOCAL synchronize_seqscans = off; \
    SET LOCAL max_parallel_workers_per_gather = 0";

type Starting = Pin<Box<dyn Future<Output = Result<CopyOutStream, Error>>>>;

enum State {
    Starting(Starting),
    Rows(Pin<Box<CopyOutStream>>),
    Done,
}

/// A COPY under way.
pub struct Copy {
    session: Rc<Session>,
    state: State,
    table: SourceTable,
    writer: TableWriter,
    reader: Reader,
    selection: Selection,
}

/// What one call read.
#[derive(Default)]
pub struct Read {
    /// The rows.
    pub rows: Option<TableRows>,
    /// Rows that cannot travel.
    pub rejected: Vec<DeadLetter>,
    /// Whether the chunk is done.
    pub is_end: bool,
}

impl Copy {
    /// Begins behind the cursor; none when the table is gone.
    pub fn open(
        source: &PostgresqlSource,
        schema: &str,
        table: &str,
        descriptor: &Descriptor,
        cursor: Option<Cursor>,
        selection: Selection,
    ) -> Result<Option<(Self, Cursor)>, Failure> {
        let session = Rc::new(Session::open(&source.settings, None)?);
        let Some(rows) = rows_of(&session, descriptor.oid)? else { return Ok(None) };
        session.run(&begin(&rows)).map_err(|failure| {
            let why = format!("the copy of table {schema}.{table}");
            waiting::or_failed(&source.control, &why, &[descriptor.oid], failure)
        })?;
        let file = session.rows(&format!(
            "SELECT file FROM pg_relation_filenode({}) AS file WHERE file IS NOT NULL",
            descriptor.oid
        ))?;
        let Some(file) = file.first() else { return Ok(None) };
        let file: u32 = number(file, 0)?;
        let which = Which::Named(schema, table);
        let found =
            tables::read_within(&session, source.server.version, &which, &source.options)?.pop();
        let Some(mut found) = found else { return Ok(None) };
        let cursor = cursor.filter(|cursor| rows.has_places && cursor.file == file);
        let (place, conditions) = match rows.has_places {
            true => ("ctid", conditions(descriptor, file, cursor)),
            false => ("NULL", Vec::new()),
        };
        let clause = rows.clause(conditions);
        let query = selection.sql(&found, place, &rows.from, &clause);
        let sql = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
        if selection == Selection::Stored {
            found.columns.iter_mut().for_each(|it| it.codec = it.codec.as_stored().0);
        }
        let owner = session.clone();
        let starting: Starting = Box::pin(async move {
            // A connection that is in use has a client.
            let Ok(client) = owner.connection().client() else { std::future::pending().await };
            client.copy_out(&sql).await
        });
        let copy = Self {
            session,
            state: State::Starting(starting),
            writer: TableWriter::inserts(&found.shape),
            reader: Reader::default(),
            selection,
            table: found,
        };
        Ok(Some((copy, cursor.unwrap_or(Cursor { file, page: 0, item: 0 }))))
    }

    /// How its rows are selected.
    pub fn selection(&self) -> Selection {
        self.selection
    }

    /// Reads rows up to the limits, and moves the cursor behind the last. `control` converts texts that come as
    /// they are stored.
    pub fn read(
        &mut self,
        control: &Session,
        cursor: &mut Cursor,
        limits: Limits,
    ) -> Result<Read, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let mut read = Read::default();
        let mut messages: Vec<Bytes> = Vec::new();
        while self.writer.len() + read.rejected.len() < limits.rows_max
            && self.writer.bytes() < limits.bytes_max
        {
            let room = limits.rows_max - self.writer.len() - read.rejected.len();
            let left = deadline.saturating_duration_since(Instant::now());
            let is_done = self.take(&mut messages, room.min(MESSAGES_TAKEN_MAX), left)?;
            if messages.is_empty() {
                read.is_end = is_done;
                break;
            }
            if self.selection == Selection::Stored {
                self.stored_rows(control, &messages, cursor, &mut read.rejected)?;
                messages.clear();
            }
            for message in messages.drain(..) {
                self.row(&message, cursor, &mut read.rejected)?;
            }
        }
        if !self.writer.is_empty() {
            read.rows = Some(self.writer.finish()?);
        }
        Ok(read)
    }

    /// Ends the transaction.
    pub fn close(self) -> Result<(), Failure> {
        self.session.run("COMMIT")
    }

    /// Takes messages off the connection; true when there are no more.
    fn take(
        &mut self,
        messages: &mut Vec<Bytes>,
        messages_max: usize,
        patience: Duration,
    ) -> Result<bool, Failure> {
        let session = self.session.clone();
        let taken = session.connection().block_on(wait_and_take(
            &mut self.state,
            messages,
            messages_max,
            patience,
        ));
        taken.map_err(|error| {
            let failure = meanwhile(session.connection().failure(&error));
            let message = format!("table {}: {}", self.table.qualified(), failure.message);
            Failure { message, ..failure }
        })
    }

    fn row(
        &mut self,
        message: &[u8],
        cursor: &mut Cursor,
        letters: &mut Vec<DeadLetter>,
    ) -> Result<(), Failure> {
        let Some(row) = self.next(message, cursor)? else { return Ok(()) };
        letters.extend(self.write(|| row.fields(), *cursor));
        Ok(())
    }

    /// Rows whose texts come as they are stored: all are converted before any is written.
    fn stored_rows(
        &mut self,
        control: &Session,
        messages: &[Bytes],
        cursor: &mut Cursor,
        letters: &mut Vec<DeadLetter>,
    ) -> Result<(), Failure> {
        let mut rows: Vec<(Cursor, Vec<Option<Bytes>>)> = Vec::with_capacity(messages.len());
        for message in messages {
            let Some(row) = self.next(message, cursor)? else { continue };
            let field = |field: Option<&[u8]>| field.map(|bytes| message.slice_ref(bytes));
            rows.push((*cursor, row.fields().map(field).collect()));
        }
        let columns = &self.table.columns;
        let in_front = self.selection.fields_in_front();
        let texts = rows.iter_mut().flat_map(|(_, fields)| {
            let fields = fields.iter_mut().skip(in_front).zip(columns);
            fields
                .filter(|(_, column)| column.codec.as_stored().1)
                .filter_map(|(text, _)| text.as_mut())
        });
        recode(control, texts)?;
        for (place, fields) in rows {
            letters.extend(self.write(|| fields.iter().map(Option::as_deref), place));
        }
        Ok(())
    }

    /// The row of a message, behind which the cursor is moved; none at the end.
    fn next<'m>(
        &mut self,
        message: &'m [u8],
        cursor: &mut Cursor,
    ) -> Result<Option<Row<'m>>, Failure> {
        let malformed = || unexpected("a row of COPY is malformed");
        let row = self.reader.row(message).map_err(|Malformed| malformed())?;
        let Some(row) = row else { return Ok(None) };
        if row.len() != self.table.columns.len() + self.selection.fields_in_front() {
            return Err(malformed());
        }
        let place = match row.fields().next().flatten() {
            Some(bytes) => Cursor::of_row(cursor.file, bytes).ok_or_else(malformed)?,
            None => cursor.counted(),
        };
        if place <= *cursor {
            return Err(unexpected("rows do not come in the order of their places"));
        }
        *cursor = place;
        Ok(Some(row))
    }

    /// Writes a row; a dead letter where it cannot travel.
    fn write<'m, F: Iterator<Item = Option<&'m [u8]>>>(
        &mut self,
        fields: impl Fn() -> F,
        place: Cursor,
    ) -> Option<DeadLetter> {
        let in_front = self.selection.fields_in_front();
        let written = match fields().take(in_front).nth(1).flatten() {
            Some(largest) => Err(rejected::too_large_row(largest)),
            None => write_row(&mut self.writer, &self.table, fields().skip(in_front)),
        };
        let error = written.err()?;
        Some(letter(&self.table, fields().skip(in_front), &error, place))
    }
}

/// Messages that are taken off the connection at once, and their bytes (I7). One may be larger: it is
/// as large as its row.
const MESSAGES_TAKEN_MAX: usize = 512;
const BYTES_TAKEN_MAX: usize = 1 << 20;

async fn wait_and_take(
    state: &mut State,
    messages: &mut Vec<Bytes>,
    messages_max: usize,
    patience: Duration,
) -> Result<bool, Error> {
    if let State::Starting(starting) = state {
        match timeout(patience, starting).await {
            Ok(rows) => *state = State::Rows(Box::pin(rows?)),
            Err(_) => return Ok(false),
        }
    }
    let State::Rows(rows) = state else { return Ok(true) };
    let Ok(mut next) = timeout(patience, rows.next()).await else { return Ok(false) };
    let mut bytes = 0;
    loop {
        let Some(message) = next else {
            *state = State::Done;
            return Ok(true);
        };
        let message = message?;
        bytes += message.len();
        messages.push(message);
        if messages.len() >= messages_max || bytes >= BYTES_TAKEN_MAX {
            return Ok(false);
        }
        match rows.next().now_or_never() {
            Some(ready) => next = ready,
            None => return Ok(false),
        }
    }
}

fn write_row<'m>(
    writer: &mut TableWriter,
    table: &SourceTable,
    fields: impl Iterator<Item = Option<&'m [u8]>>,
) -> Result<(), ValueError> {
    let mut row = writer.row(Operation::Insert);
    for (column, field) in fields.enumerate() {
        if let Some(bytes) = field {
            rejected::set_binary(&mut row, table, column, bytes)?;
        }
    }
    row.commit();
    Ok(())
}

fn letter<'m>(
    table: &SourceTable,
    fields: impl Iterator<Item = Option<&'m [u8]>>,
    error: &ValueError,
    place: Cursor,
) -> DeadLetter {
    let columns = table.columns.iter().zip(fields);
    let texts: Vec<_> = columns
        .map(|(column, field)| {
            (&column.column.name, field.map(|bytes| binary::text(column.codec, bytes)))
        })
        .collect();
    let fields = texts.iter().map(|(name, text)| (name.as_str(), text.as_deref()));
    let origin = format!("{} ({},{})", table.qualified(), place.page, place.item);
    rejected::letter(table, fields, error, &origin).operation(Operation::Insert)
}

/// Begins a transaction that keeps the table from being rewritten. Who may read some columns only cannot
/// lock it, but a query does; the copy, one statement, then has a snapshot of its own, which is behind the
/// lock.
fn begin(rows: &Rows) -> String {
    let begin = match rows.has_places {
        true => format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             LOCK TABLE {} IN ACCESS SHARE MODE",
            rows.lock
        ),
        false => format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SELECT FROM {} LIMIT 0",
            rows.from
        ),
    };
    format!("{begin}; {IN_ORDER}")
}

/// The stretch, or all of the table if its rows are in another file by now.
fn conditions(descriptor: &Descriptor, file: u32, cursor: Option<Cursor>) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(cursor) = cursor {
        parts.push(format!("ctid > '({},{})'", cursor.page, cursor.item));
    }
    if descriptor.file == file {
        if cursor.is_none() && descriptor.from > 0 {
            parts.push(format!("ctid >= '({},0)'", descriptor.from));
        }
        if let Some(to) = descriptor.to {
            parts.push(format!("ctid < '({to},0)'"));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_table_is_read_whole() {
        let chunk = Descriptor { oid: 1, file: 7, from: 10, to: Some(20) };
        let cursor = |file| Some(Cursor { file, page: 12, item: 3 });
        for (file, cursor, expected) in [
            (7, None, &["ctid >= '(10,0)'", "ctid < '(20,0)'"][..]),
            (7, cursor(7), &["ctid > '(12,3)'", "ctid < '(20,0)'"]),
            (8, None, &[]),
            (8, cursor(8), &["ctid > '(12,3)'"]),
        ] {
            assert_eq!(conditions(&chunk, file, cursor), expected);
        }
    }
}

//! Copies what is there, in chunks that can be read in parallel and go on after a crash.
//!
//! A chunk is a stretch of a table's pages, read by one COPY in the order of the pages; its cursor
//! is the place of the last row. Each reading sees the table as it is then, not as it was at the
//! stream's start: a row that changed since may be seen in its new version, twice, or not at all.
//! The stream begins before and has every such change, so keyed tables end up right; what a change
//! leaves out is looked up (`stream::lookup`). A table whose pages were rewritten meanwhile is read
//! whole by each chunk that is left, since its rows are elsewhere now and the log does not say so.

mod copy;
mod cursor;
pub mod foresee;
pub mod looked_up;
pub mod plan;
mod row;
mod select;
pub mod start;
mod waits;

use cartridge_warp_sdk::{Chunk, Failure, Limits, SnapshotBatch};

use crate::PostgresqlSource;
use copy::Copy;
use cursor::{Cursor, Descriptor};
use select::Selection;

/// The chunk that is being read, and what is waited for before.
#[derive(Default)]
pub struct State {
    reading: Option<Reading>,
    waits: waits::Waits,
}

struct Reading {
    chunk: String,
    table: String,
    /// Where it stands: a call with another cursor begins anew there.
    cursor: Cursor,
    copy: Copy,
}

/// Reads the next rows of a chunk.
pub fn read(
    source: &mut PostgresqlSource,
    schema: &str,
    table: &str,
    chunk: &Chunk,
    cursor: Option<&[u8]>,
    limits: Limits,
) -> Result<SnapshotBatch, Failure> {
    let cursor = cursor.map(Cursor::decode).transpose()?;
    let going_on = source.snapshot.reading.take().filter(|reading| {
        reading.chunk == chunk.id && reading.table == table && Some(reading.cursor) == cursor
    });
    let open = |selection| {
        let descriptor = Descriptor::decode(&chunk.descriptor)?;
        let opened = Copy::open(source, schema, table, &descriptor, cursor, selection)?;
        Ok::<_, Failure>(opened.map(|(copy, cursor)| Reading {
            chunk: chunk.id.clone(),
            table: table.to_owned(),
            cursor,
            copy,
        }))
    };
    let opened = match going_on {
        Some(reading) => Some(reading),
        None => open(Selection::Plain)?,
    };
    // Where there is none, the table was dropped, and its rows with it.
    let Some(mut reading) = opened else { return Ok(SnapshotBatch::default()) };
    let read = loop {
        let failure = match reading.copy.read(&source.control, &mut reading.cursor, limits) {
            Ok(read) => break read,
            Err(failure) => failure,
        };
        // The same rows again, as far as they can travel.
        let Some(selection) = reading.copy.selection().instead(&failure) else {
            return Err(failure);
        };
        let Some(again) = open(selection)? else { return Ok(SnapshotBatch::default()) };
        reading = again;
    };
    let mut batch = SnapshotBatch { rows: read.rows, rejected: read.rejected, next_cursor: None };
    if read.is_end {
        reading.copy.close()?;
    } else {
        batch.next_cursor = Some(reading.cursor.encode());
        source.snapshot.reading = Some(reading);
    }
    Ok(batch)
}

//! What came after the position: new lines of known files, and new files.
//!
//! Tables are read in turn, files of a table one after the other in their reading order, so that a
//! rotated file is finished before its successor is begun. Between tables there is no order.

mod gone;
mod pace;
mod reconcile;
mod unfinished;

use std::collections::{HashMap, HashSet};
use std::time::{Instant, SystemTime};

use cartridge_warp_sdk::{ChangeBatch, Failure, Limits, SchemaChange, TableRows};

use crate::catalog::{FINGERPRINT_BYTES, FileEntry, Fingerprint, Format};
use crate::position::{FileMark, Position};
use crate::read::{Budget, Stop, TableReader};
use crate::shape::{Guess, Shape};
use crate::{FilesSource, fault, read};

/// What the stream's connection remembers.
#[derive(Default)]
pub struct State {
    /// Size and time of each file when its fingerprint was last right.
    verified: HashMap<u64, (u64, Option<SystemTime>)>,
    /// Names by hash, to call tables and files by them.
    tables: HashMap<u32, String>,
    paths: HashMap<u32, String>,
    /// The table that is read first in the next call, so that a busy one starves nobody.
    turn: usize,
    /// Files that this connection has seen; what is gone of them, it saw to its end.
    seen: HashSet<u64>,
    /// Files that end in the middle of a record.
    unfinished: unfinished::Said,
    /// When the directory is looked at again.
    pace: Pace,
}

use pace::Pace;
use reconcile::Reconciled;

/// Reads changes, waiting for some within the limit.
pub fn get_changes(
    source: &mut FilesSource,
    schema: &str,
    after: &[u8],
    limits: Limits,
) -> Result<ChangeBatch, Failure> {
    let deadline = Instant::now() + limits.wait;
    let after = Position::decode(after)?;
    loop {
        if let Some(due) = source.stream.pace.due() {
            sleep_until(due.min(deadline));
        }
        let batch = step(source, schema, &after, limits)?;
        let something = !batch.tables.is_empty()
            || !batch.rejected.is_empty()
            || !batch.schema_changes.is_empty()
            || !batch.caught_up;
        let now = Instant::now();
        source.stream.pace.looked(now, something);
        if something || now >= deadline {
            return Ok(batch);
        }
    }
}

fn sleep_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// One look at the directory and at most one batch of each table.
fn step(
    source: &mut FilesSource,
    schema: &str,
    after: &Position,
    limits: Limits,
) -> Result<ChangeBatch, Failure> {
    let Reconciled { files, mut position, letters } = reconcile::files(source, schema, after)?;
    let mut budget = Budget::new(limits);
    let mut batch = ChangeBatch { caught_up: true, rejected: letters, ..ChangeBatch::default() };
    let names: Vec<&String> = files.keys().collect();
    let first = source.stream.turn.checked_rem(names.len()).unwrap_or(0);
    for turn in 0..names.len() {
        let at = (first + turn) % names.len();
        let Some(entries) = files.get(names[at]) else { continue };
        let more = read_table(source, names[at], entries, &mut position, &mut budget, &mut batch)?;
        if more {
            batch.caught_up = false;
            source.stream.turn = at + 1;
        }
        if more && !budget.allows(0) {
            break;
        }
    }
    batch.position = position.encode()?;
    Ok(batch)
}

/// Reads a table's files in order; true when there is more to read than this batch took.
fn read_table(
    source: &mut FilesSource,
    table: &str,
    entries: &[FileEntry],
    position: &mut Position,
    budget: &mut Budget,
    batch: &mut ChangeBatch,
) -> Result<bool, Failure> {
    let fresh: Vec<&FileEntry> =
        entries.iter().filter(|entry| has_more(entry, position.get(entry.identity))).collect();
    if fresh.is_empty() {
        return Ok(false);
    }
    // Of a table without rows so far, the first ones show the columns.
    let known = source.shapes.remove(table).filter(|shape| !shape.table().columns.is_empty());
    let mut shape = match known {
        Some(shape) => shape,
        None => meet(source, table, entries, position, batch)?,
    };
    let (rows, stop) = read_files(source, &shape, &fresh, position, budget, batch)?;
    let read = rows.is_some();
    batch.tables.extend(rows);
    let mut more = stop != Stop::Drained;
    if let Stop::NewColumns(columns) = stop {
        // The change comes before the rows of its batch, so rows under the old shape go alone.
        if !read {
            announce(&mut shape, &columns, batch);
        }
        more = true;
    }
    source.shapes.insert(table.to_owned(), shape);
    Ok(more)
}

/// A table that this connection meets for the first time: new, if the host was not told of it. Where the
/// host never asked, it knows those of which the position has something.
fn meet(
    source: &FilesSource,
    table: &str,
    entries: &[FileEntry],
    position: &Position,
    batch: &mut ChangeBatch,
) -> Result<Shape, Failure> {
    let mut shape = read::sample(table, entries, &source.options)?;
    let is_begun =
        |entry: &FileEntry| position.get(entry.identity).is_some_and(|mark| mark.offset > 0);
    let known = match &source.listed {
        Some(listed) => listed.contains(table),
        None => entries.iter().any(is_begun),
    };
    if !known && !shape.table().columns.is_empty() {
        shape.settle_key();
        batch.schema_changes.push(SchemaChange::add_table(shape.table().clone()));
    }
    Ok(shape)
}

/// Adds columns to the shape and says so to the host. The type of one that had no value so far comes with its
/// rows.
fn announce(shape: &mut Shape, columns: &[(String, Guess)], batch: &mut ChangeBatch) {
    let new_table = shape.table().columns.is_empty();
    for column in columns {
        let is_known = shape.has(&column.0);
        shape.learn(std::slice::from_ref(column));
        let after = shape.table().clone();
        if !new_table && !is_known && after.index_of(&column.0).is_some() {
            batch.schema_changes.push(SchemaChange::add_column(&column.0, after));
        }
    }
    if new_table && !shape.table().columns.is_empty() {
        shape.settle_key();
        batch.schema_changes.push(SchemaChange::add_table(shape.table().clone()));
    }
}

fn read_files(
    source: &mut FilesSource,
    shape: &Shape,
    fresh: &[&FileEntry],
    position: &mut Position,
    budget: &mut Budget,
    batch: &mut ChangeBatch,
) -> Result<(Option<TableRows>, Stop), Failure> {
    let mut reader = TableReader::new(shape, &source.options, &mut source.lines, false);
    let (mut outcome, mut unfinished) = (Stop::Drained, Vec::new());
    for entry in fresh {
        if !budget.allows(0) {
            outcome = Stop::Limit;
            break;
        }
        let from = position.get(entry.identity).map_or(0, |mark| mark.offset);
        let end = if entry.format == Format::Parquet { u64::MAX } else { entry.size };
        let (offset, stop) = reader.read(entry, from, end, budget)?;
        // A Parquet file that is still being written has no mark: it may yet change altogether.
        if entry.format != Format::Parquet
            || offset > 0
            || stop == Stop::Drained && is_complete(entry)?
        {
            position.set(mark(entry, position.get(entry.identity), offset, stop == Stop::Drained)?);
        }
        if stop != Stop::Drained {
            outcome = stop;
            break;
        }
        if entry.format != Format::Parquet && offset < entry.size {
            unfinished.push((*entry, offset));
        }
    }
    batch.rejected.append(&mut reader.rejected);
    let rows = (!reader.writer.is_empty()).then(|| reader.writer.finish()).transpose()?;
    let complete = source.options.complete_files;
    for (entry, offset) in unfinished {
        batch.rejected.extend(source.stream.unfinished.say(entry, offset, complete));
    }
    Ok((rows, outcome))
}

fn is_complete(entry: &FileEntry) -> Result<bool, Failure> {
    Ok(read::parquet::row_groups(entry)?.is_some())
}

/// A file's new mark: the table stays that of its first name, the fingerprint grows to full length.
fn mark(
    entry: &FileEntry,
    before: Option<&FileMark>,
    offset: u64,
    done: bool,
) -> Result<FileMark, Failure> {
    let fingerprint = match before {
        Some(mark) if usize::from(mark.fingerprint.length) == FINGERPRINT_BYTES => mark.fingerprint,
        _ => std::fs::File::open(&entry.path)
            .and_then(|mut file| Fingerprint::of(&mut file, FINGERPRINT_BYTES))
            .map_err(|error| fault::io(&entry.shown, &error))?,
    };
    Ok(FileMark {
        identity: entry.identity,
        fingerprint,
        table_hash: before.map_or_else(|| entry.table_hash(), |mark| mark.table_hash),
        path_hash: entry.path_hash(),
        offset,
        done,
        place: Some(entry.place),
        format: Some(entry.format),
        changed: entry.changed(),
        tail: entry.tail(offset).map_err(|error| fault::io(&entry.shown, &error))?,
    })
}

/// Whether there may be something to read; an incomplete last line is looked at again each time.
fn has_more(entry: &FileEntry, mark: Option<&FileMark>) -> bool {
    match (mark, entry.format) {
        (None, _) => true,
        (Some(mark), Format::Parquet) => !mark.done,
        (Some(mark), _) => !mark.done || entry.size > mark.offset,
    }
}

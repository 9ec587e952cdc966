//! What was there at the start position, exactly, in chunks that can be read in parallel.
//!
//! A chunk is a stretch of one file: a file's bytes for CSV, a range that ends at line feeds for
//! NDJSON, row groups for Parquet. It ends where the start position says that the stream begins.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use cartridge_warp_sdk::{Chunk, Failure, Limits, SnapshotBatch};
use serde::{Deserialize, Serialize};

use crate::catalog::{FINGERPRINT_BYTES, FileEntry, Fingerprint, Format};
use crate::format::records::Splitter;
use crate::position::{FileMark, Position};
use crate::read::{Budget, Stop, TableReader, parquet};
use crate::shape::{Guess, Shape};
use crate::{FilesSource, fault, read};

/// Chunks of one large file are not smaller than this.
const CHUNK_BYTES_MIN: u64 = 8 << 20;
/// Columns travel in the descriptor, so that all chunks agree; not when they would fill it.
const COLUMNS_BYTES_MAX: usize = 48 << 10;

/// What a connection that reads chunks remembers.
#[derive(Default)]
pub struct State {
    /// Files by identity, found once and then again only when they were renamed.
    found: HashMap<u64, FileEntry>,
    /// Shapes as the chunks have them.
    shapes: HashMap<String, Shape>,
}

#[derive(Serialize, Deserialize)]
struct Descriptor {
    version: u8,
    identity: u64,
    fingerprint: (u16, u32),
    start: u64,
    end: u64,
    columns: Vec<(String, String)>,
    /// Those of them of which no value was seen.
    #[serde(default)]
    unseen: Vec<String>,
}

/// The position of this moment: all complete records of all files; none of a log of changes.
pub fn start(source: &mut FilesSource, schema: &str) -> Result<Position, Failure> {
    let mut position = Position::default();
    for (table, files) in source.catalog.list(schema)? {
        let mut shape = read::sample(&table, &files, &source.options)?;
        if !source.has_snapshot(&shape) {
            continue;
        }
        shape.change_log = shape.change_log || read::carry_operations(&files)?;
        for entry in &files {
            let end = if shape.change_log { Some(0) } else { complete_end(source, entry)? };
            let Some(offset) = end else { continue };
            let mut file = open(entry)?;
            let fingerprint = Fingerprint::of(&mut file, FINGERPRINT_BYTES)
                .map_err(|error| fault::io(&entry.shown, &error))?;
            position.set(FileMark {
                identity: entry.identity,
                fingerprint,
                table_hash: entry.table_hash(),
                path_hash: entry.path_hash(),
                offset,
                done: !shape.change_log,
                place: Some(entry.place),
                format: Some(entry.format),
                changed: entry.changed(),
                tail: entry.tail(offset).map_err(|error| fault::io(&entry.shown, &error))?,
            });
        }
        source.shapes.insert(table, shape);
    }
    Ok(position)
}

/// The position with these tables' files as they are now, to be copied up to there.
pub fn renew(
    source: &mut FilesSource,
    schema: &str,
    position: &[u8],
    tables: &[String],
) -> Result<Position, Failure> {
    let hashes: Vec<u32> = tables.iter().map(|name| crate::catalog::table_hash(name)).collect();
    let mut position = Position::decode(position)?;
    position.retain(|mark| !hashes.contains(&mark.table_hash));
    for mark in start(source, schema)?.marks() {
        if hashes.contains(&mark.table_hash) {
            position.set(*mark);
        }
    }
    Ok(position)
}

fn open(entry: &FileEntry) -> Result<File, Failure> {
    File::open(&entry.path).map_err(|error| fault::io(&entry.shown, &error))
}

/// Where the complete records of a file end; none for a Parquet file that is being written.
fn complete_end(source: &FilesSource, entry: &FileEntry) -> Result<Option<u64>, Failure> {
    let splitter = match entry.format {
        Format::Parquet => {
            return Ok(parquet::row_groups(entry)?.and_then(|starts| starts.last().copied()));
        }
        Format::Csv => Splitter::Csv { delimiter: source.options.csv.delimiter_byte()? },
        Format::Ndjson => Splitter::Lines,
    };
    let end = splitter.complete_end(&mut open(entry)?, entry.size);
    end.map(Some).map_err(|error| fault::io(&entry.shown, &error))
}

/// Cuts a table into chunks.
pub fn plan(
    source: &mut FilesSource,
    schema: &str,
    table: &str,
    start: &[u8],
    target_chunks: u32,
) -> Result<Vec<Chunk>, Failure> {
    let start = Position::decode(start)?;
    let listing = source.catalog.list(schema)?;
    let files = files_of(&listing, table, &start)?;
    let entries: Vec<FileEntry> = files.iter().map(|(entry, _)| (*entry).clone()).collect();
    let shape = read::sample(table, &entries, &source.options)?;
    let (mut columns, mut unseen) = (shape.columns(), shape.unseen());
    let named = columns.iter().map(|(name, kind)| name.len() + kind.len() + 8);
    if named.chain(unseen.iter().map(|name| name.len() + 4)).sum::<usize>() > COLUMNS_BYTES_MAX {
        columns.clear();
        unseen.clear();
    }
    let total: u64 = files.iter().map(|(_, mark)| mark.offset).sum();
    let stretch = (total / u64::from(target_chunks.max(1))).max(CHUNK_BYTES_MIN);
    let mut chunks = Vec::new();
    for (entry, mark) in files {
        let bounds = bounds(entry, mark.offset, stretch, u64::from(target_chunks))?;
        for pair in bounds.windows(2) {
            let mut chunk = chunk(mark, pair[0], pair[1], &columns, &unseen)?;
            let length = pair[1] - pair[0];
            chunk.estimated_rows = match entry.format {
                Format::Parquet => Some(length),
                Format::Csv | Format::Ndjson => {
                    shape.record_bytes.and_then(|bytes| length.checked_div(bytes))
                }
            };
            chunks.push(chunk);
        }
    }
    Ok(chunks)
}

/// The files of a table at the start position, whatever they are called now.
fn files_of<'l>(
    listing: &'l BTreeMap<String, Vec<FileEntry>>,
    table: &str,
    start: &'l Position,
) -> Result<Vec<(&'l FileEntry, &'l FileMark)>, Failure> {
    let table_hash = crate::catalog::table_hash(table);
    let mut files = Vec::new();
    for mark in start.marks().iter().filter(|mark| mark.table_hash == table_hash && mark.offset > 0)
    {
        let found = listing.values().flatten().find(|entry| entry.identity == mark.identity);
        let entry = found.ok_or_else(|| {
            Failure::resync(
                "file-gone",
                format!("a file of table {table} was deleted before its snapshot was read"),
            )
        })?;
        files.push((entry, mark));
    }
    Ok(files)
}

/// Where the chunks of a file begin, and its end.
fn bounds(entry: &FileEntry, end: u64, stretch: u64, target: u64) -> Result<Vec<u64>, Failure> {
    match entry.format {
        Format::Csv => Ok(vec![0, end]),
        Format::Ndjson => line_bounds(entry, end, stretch),
        Format::Parquet => {
            let starts = parquet::row_groups(entry)?.unwrap_or_default();
            let rows = (end / target.max(1)).max(1);
            let mut bounds = vec![0];
            for start in starts.into_iter().filter(|start| *start < end) {
                if start >= bounds.last().map_or(0, |last| last + rows) {
                    bounds.push(start);
                }
            }
            bounds.push(end);
            Ok(bounds)
        }
    }
}

fn line_bounds(entry: &FileEntry, end: u64, stretch: u64) -> Result<Vec<u64>, Failure> {
    let mut file = open(entry)?;
    let mut bounds = vec![0];
    let mut next = stretch;
    while next.saturating_add(stretch / 2) < end {
        let at = line_start_after(&mut file, next, end);
        let at = at.map_err(|error| fault::io(&entry.shown, &error))?;
        if at >= end {
            break;
        }
        bounds.push(at);
        next = at + stretch;
    }
    bounds.push(end);
    Ok(bounds)
}

/// Where the first line after `offset` begins; `end` when there is none.
fn line_start_after(file: &mut File, offset: u64, end: u64) -> std::io::Result<u64> {
    const BLOCK_BYTES: usize = 64 << 10;
    file.seek(SeekFrom::Start(offset))?;
    let (mut at, mut block) = (offset, vec![0; BLOCK_BYTES]);
    while at < end {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        if let Some(found) = memchr::memchr(b'\n', &block[..read]) {
            return Ok((at + found as u64 + 1).min(end));
        }
        at += read as u64;
    }
    Ok(end)
}

fn chunk(
    mark: &FileMark,
    start: u64,
    end: u64,
    columns: &[(String, String)],
    unseen: &[String],
) -> Result<Chunk, Failure> {
    let descriptor = Descriptor {
        version: 1,
        identity: mark.identity,
        fingerprint: (mark.fingerprint.length, mark.fingerprint.hash),
        start,
        end,
        columns: columns.to_vec(),
        unseen: unseen.to_vec(),
    };
    let descriptor = serde_json::to_vec(&descriptor).map_err(|error| {
        Failure::stop("descriptor", "a chunk has no JSON").detail(error.to_string())
    })?;
    Ok(Chunk { id: format!("{:016x}-{start}", mark.identity), descriptor, estimated_rows: None })
}

/// Reads the next rows of a chunk.
pub fn read(
    source: &mut FilesSource,
    schema: &str,
    table: &str,
    chunk: &Chunk,
    cursor: Option<&[u8]>,
    limits: Limits,
) -> Result<SnapshotBatch, Failure> {
    let unreadable = || Failure::stop("unreadable-chunk", "the chunk is not this connector's");
    let descriptor: Descriptor = serde_json::from_slice(&chunk.descriptor)
        .ok()
        .filter(|descriptor: &Descriptor| descriptor.version == 1)
        .ok_or_else(unreadable)?;
    let mut offset = match cursor {
        None => descriptor.start,
        Some(bytes) => u64::from_le_bytes(bytes.try_into().map_err(|_| unreadable())?),
    };
    let entry = locate(source, schema, &descriptor)?;
    let mut shape = chunk_shape(source, table, &descriptor, &entry)?;
    let mut budget = Budget::new(limits);
    let (rows, rejected, stop) = loop {
        let mut reader = TableReader::new(&shape, &source.options, &mut source.lines, true);
        let (next, stop) = reader.read(&entry, offset, descriptor.end, &mut budget)?;
        offset = next;
        match stop {
            // Nothing was read yet under the narrower shape, so the wider one can begin here.
            Stop::NewColumns(columns) if reader.writer.is_empty() && reader.rejected.is_empty() => {
                learn_copied(&mut shape, &entry, columns);
            }
            stop => {
                let rows = (!reader.writer.is_empty()).then(|| reader.writer.finish());
                break (rows.transpose()?, reader.rejected, stop);
            }
        }
    };
    if stop == Stop::Drained && offset < descriptor.end {
        return Err(truncated(&entry, descriptor.end));
    }
    if let Stop::NewColumns(columns) = stop {
        learn_copied(&mut shape, &entry, columns);
    }
    source.snapshot.shapes.insert(table.to_owned(), shape);
    let next_cursor = (offset < descriptor.end).then(|| offset.to_le_bytes().to_vec());
    Ok(SnapshotBatch { rows, rejected, next_cursor })
}

/// Adds what rows of a chunk showed. A column that a CSV header names and that has its first value here, behind
/// the sample, is text: other chunks are read at the same time, and must come to the same.
fn learn_copied(shape: &mut Shape, entry: &FileEntry, mut columns: Vec<(String, Guess)>) {
    let named = |name: &str| entry.format == Format::Csv && shape.has(name);
    columns
        .iter_mut()
        .filter(|(name, _)| named(name))
        .for_each(|(_, guess)| *guess = Guess::String);
    shape.learn(&columns);
}

/// Finds the chunk's file under its present name and proves that it is still the same.
fn locate(
    source: &mut FilesSource,
    schema: &str,
    descriptor: &Descriptor,
) -> Result<FileEntry, Failure> {
    let (length, hash) = descriptor.fingerprint;
    let wanted = Fingerprint { length, hash };
    if let Some(entry) = source.snapshot.found.get(&descriptor.identity) {
        let now = File::open(&entry.path)
            .and_then(|mut file| Fingerprint::of(&mut file, usize::from(length)));
        if now.is_ok_and(|now| now == wanted) {
            return Ok(entry.clone());
        }
    }
    let listing = source.catalog.list(schema)?;
    let found = listing.into_values().flatten();
    let entry = found.into_iter().find(|entry| entry.identity == descriptor.identity);
    let entry = entry.ok_or_else(|| {
        Failure::resync("file-gone", "a file was deleted while its snapshot was being read")
    })?;
    let now = Fingerprint::of(&mut open(&entry)?, usize::from(length))
        .map_err(|error| fault::io(&entry.shown, &error))?;
    if now != wanted || (entry.format != Format::Parquet && entry.size < descriptor.end) {
        return Err(truncated(&entry, descriptor.end));
    }
    source.snapshot.found.insert(entry.identity, entry.clone());
    Ok(entry)
}

fn truncated(entry: &FileEntry, end: u64) -> Failure {
    Failure::resync(
        "file-truncated",
        format!(
            "{} was overwritten or cut while its snapshot was being read: its first {end} bytes \
             are no longer what they were",
            entry.shown
        ),
    )
}

fn chunk_shape(
    source: &mut FilesSource,
    table: &str,
    descriptor: &Descriptor,
    entry: &FileEntry,
) -> Result<Shape, Failure> {
    if let Some(shape) = source.snapshot.shapes.get(table) {
        return Ok(shape.clone());
    }
    if descriptor.columns.is_empty() {
        return read::sample(table, std::slice::from_ref(entry), &source.options);
    }
    let mut shape = Shape::declared(table, &source.options);
    let columns = descriptor.columns.iter().map(|(name, column_type)| {
        if descriptor.unseen.contains(name) {
            return Ok((name.clone(), Guess::Unknown));
        }
        column_type.parse().map(|column_type| (name.clone(), Guess::Exact(column_type)))
    });
    shape.learn(&columns.collect::<Result<Vec<_>, _>>()?);
    Ok(shape)
}

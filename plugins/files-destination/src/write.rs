//! Commits a batch: data files first, the manifest that names them last.

use std::collections::{BTreeMap, BTreeSet};

use cartridge_warp_sdk::{DeadLetter, Failure, Marker, TableRows, WriteOutcome, WriteRequest};
use serde_json::json;

use crate::encoder::Encoder;
use crate::log::{Log, METADATA};
use crate::manifest::{Commit, DataFile, Shape, to_hex};
use crate::options::{Format, Options};
use crate::{disk, partition, row_facts};

/// Writes rows, dead letters and markers as one commit.
pub(crate) fn batch(
    log: &mut Log,
    options: &Options,
    request: &WriteRequest,
) -> Result<WriteOutcome, Failure> {
    let mut commit = log.next();
    commit.markers = markers(&request.markers);
    commit.cleared.clone_from(&request.clear_tables);
    commit.removed = log.remove_retired(options.keep_replaced_seconds);
    let mut outcome = WriteOutcome::default();
    for rows in &request.tables {
        table(log, &mut commit, options, rows, outcome.rows_written)?;
        outcome.rows_written += rows.len() as u64;
    }
    if !request.dead_letters.is_empty() {
        let bytes = letters(&request.dead_letters);
        let rows = request.dead_letters.len() as u64;
        let (directory, format) = (METADATA.to_owned(), Format::Ndjson);
        let kind = Some(format.word().to_owned());
        add(log, &mut commit, Part { table: None, directory, format, rows, kind }, &bytes)?;
    }
    let directories: BTreeSet<&str> =
        commit.files.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    for directory in directories {
        disk::sync_directory(&log.directory().join(directory))?;
    }
    log.commit(commit, options.checkpoint_commits)?;
    Ok(outcome)
}

/// Writes the rows of a table, behind `before` others of the commit: a file for each folder.
fn table(
    log: &Log,
    commit: &mut Commit,
    options: &Options,
    rows: &TableRows,
    before: u64,
) -> Result<(), Failure> {
    let shape = shape(log, rows)?;
    if rows.is_empty() {
        return Ok(());
    }
    let (table, format) = (Some(rows.table()), options.format);
    let first = row_facts::first_sequence(commit.number, before, rows.len() as u64)?;
    let encoder = Encoder::new(options, rows, first, &shape.key)?;
    let kind = encoder.kind();
    for (folder, ranges) in partition::split(rows, options.partition_by) {
        let mut directory = shape.directory_of(rows.table());
        if !folder.is_empty() {
            directory.push('/');
            directory.push_str(&folder);
        }
        let count = ranges.iter().map(|range| range.len() as u64).sum();
        let part = Part { table, directory, format, rows: count, kind: kind.clone() };
        add(log, commit, part, &encoder.encode(&ranges)?)?;
    }
    Ok(())
}

/// Markers as a commit has them.
pub(crate) fn markers(markers: &[Marker]) -> BTreeMap<String, Option<String>> {
    let entry = |marker: &Marker| (marker.stream.clone(), marker.value.as_deref().map(to_hex));
    markers.iter().map(entry).collect()
}

/// A file to be.
struct Part<'a> {
    table: Option<&'a str>,
    directory: String,
    format: Format,
    rows: u64,
    kind: Option<String>,
}

/// Writes a file and names it in the commit.
fn add(log: &Log, commit: &mut Commit, part: Part<'_>, bytes: &[u8]) -> Result<(), Failure> {
    disk::make_directory(&log.directory().join(&part.directory))?;
    // With the epoch in its name, a fenced writer cannot replace its successor's file. Numbers have
    // leading zeros for the order of names.
    let (number, epoch, index) = (commit.number, commit.epoch, commit.files.len());
    let format = part.format.word();
    let path = format!("{}/part-{number:012}-{epoch}-{index:05}.{format}", part.directory);
    disk::write(&log.directory().join(&path), bytes)?;
    commit.files.push(DataFile {
        table: part.table.map(str::to_owned),
        path,
        format: format.to_owned(),
        rows: part.rows,
        bytes: bytes.len() as u64,
        kind: part.kind,
    });
    Ok(())
}

/// The shape of the table that rows belong to, if they fit it.
fn shape<'l>(log: &'l Log, rows: &TableRows) -> Result<&'l Shape, Failure> {
    let shape = log.state().tables.get(rows.table()).ok_or_else(|| {
        Failure::stop(
            "unknown-table",
            format!("rows came for table {}, which was never planned", rows.table()),
        )
    })?;
    let unknown = |name: &str| !shape.columns.iter().any(|(known, _)| known == name);
    match rows.columns().iter().find(|column| unknown(&column.name)) {
        None => Ok(shape),
        Some(column) => Err(Failure::stop(
            "unknown-column",
            format!("rows of table {} have an unknown column {}", rows.table(), column.name),
        )),
    }
}

fn letters(letters: &[DeadLetter]) -> Vec<u8> {
    let line = |letter: &DeadLetter| {
        let DeadLetter { table, operation, payload, code, message, origin, key } = letter;
        let json = json!({
            "table": table, "operation": operation, "payload": payload, "error_code": code,
            "error_message": message, "origin": origin, "key": key, "status": "pending",
        });
        format!("{json}\n")
    };
    letters.iter().flat_map(|letter| line(letter).into_bytes()).collect()
}

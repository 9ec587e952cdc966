//! Commits a batch: data files first, the manifest that names them last.

use std::collections::{BTreeMap, BTreeSet};

use cartridge_warp_sdk::{DeadLetter, Failure, Marker, TableRows, WriteOutcome, WriteRequest};
use serde_json::json;

use crate::log::{Log, METADATA};
use crate::manifest::{Commit, DataFile, Shape, to_hex};
use crate::options::{Format, Options};
use crate::{columnar, disk, ndjson};

/// Writes rows, dead letters and markers as one commit.
pub(crate) fn batch(
    log: &mut Log,
    options: &Options,
    request: &WriteRequest,
) -> Result<WriteOutcome, Failure> {
    let mut commit = log.state().next();
    commit.markers = markers(&request.markers);
    commit.cleared.clone_from(&request.clear_tables);
    let mut outcome = WriteOutcome::default();
    for rows in &request.tables {
        let shape = shape(log, rows)?;
        outcome.rows_written += rows.len() as u64;
        if rows.is_empty() {
            continue;
        }
        let bytes = match options.format {
            Format::Ndjson => ndjson::encode(rows, &shape.key)?,
            Format::Parquet => columnar::encode(rows, options.compression)?,
        };
        let directory = shape.directory_of(rows.table());
        let count = rows.len() as u64;
        let file = Part { table: Some(rows.table()), directory, format: options.format, count };
        add(log, &mut commit, file, &bytes)?;
    }
    if !request.dead_letters.is_empty() {
        let bytes = letters(&request.dead_letters);
        let count = request.dead_letters.len() as u64;
        let file =
            Part { table: None, directory: METADATA.to_owned(), format: Format::Ndjson, count };
        add(log, &mut commit, file, &bytes)?;
    }
    let directories: BTreeSet<&str> =
        commit.files.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    for directory in directories {
        disk::sync_directory(&log.directory().join(directory))?;
    }
    // Readers go by the files on the disk: after this no manifest of before the clearing is left.
    let every = if commit.cleared.is_empty() { options.checkpoint_commits } else { 1 };
    log.commit(commit, every)?;
    Ok(outcome)
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
    count: u64,
}

/// Writes a file and names it in the commit.
fn add(log: &Log, commit: &mut Commit, part: Part<'_>, bytes: &[u8]) -> Result<(), Failure> {
    disk::make_directory(&log.directory().join(&part.directory))?;
    // With the epoch in its name, a fenced writer cannot replace its successor's file.
    let (number, epoch, index) = (commit.number, commit.epoch, commit.files.len());
    let format = part.format.word();
    let path = format!("{}/part-{number:012}-{epoch}-{index}.{format}", part.directory);
    disk::write(&log.directory().join(&path), bytes)?;
    commit.files.push(DataFile {
        table: part.table.map(str::to_owned),
        path,
        format: format.to_owned(),
        rows: part.count,
        bytes: bytes.len() as u64,
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

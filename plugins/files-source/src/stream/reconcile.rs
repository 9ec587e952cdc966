//! Compares the directory with the position: which files are which, which are gone, and whether
//! something was lost.

use std::collections::HashSet;
use std::fs::File;
use std::time::Duration;

use cartridge_warp_sdk::{Failure, log};

use super::Files;
use crate::catalog::{FileEntry, Fingerprint, Format};
use crate::position::{FileMark, Position};
use crate::{FilesSource, fault};

/// A rename while the directory is being listed can hide a file; one more look finds it.
const SECOND_LOOK: Duration = Duration::from_millis(5);

/// The selected tables' files under the tables that they belong to, and the position without files
/// that are gone.
pub fn files(
    source: &mut FilesSource,
    schema: &str,
    after: &Position,
) -> Result<(Files, Position), Failure> {
    let mut listing = list(source, schema)?;
    if !gone(&listing, after).is_empty() {
        std::thread::sleep(SECOND_LOOK);
        listing = list(source, schema)?;
    }
    let mut position = after.clone();
    let lost_files = gone(&listing, after);
    for mark in &lost_files {
        check_gone(source, mark)?;
    }
    let lost: HashSet<u64> = lost_files.iter().map(|mark| mark.identity).collect();
    position.retain(|mark| !lost.contains(&mark.identity));

    let mut files = Files::new();
    let mut seen = HashSet::new();
    for entry in listing {
        // Two names of one file are one file.
        if !seen.insert(entry.identity) {
            continue;
        }
        let mark = position.get(entry.identity).copied();
        if let Some(mark) = mark
            && !is_same(source, &entry, &mark)?
        {
            position.retain(|known| known.identity != mark.identity);
        }
        let mark = position.get(entry.identity);
        let table = match mark {
            Some(mark) => match source.stream.tables.get(&mark.table_hash) {
                Some(table) => table.clone(),
                // Renamed from a table whose name nobody told yet: its next file will.
                None => continue,
            },
            None => entry.table.clone(),
        };
        if source.selected.as_ref().is_none_or(|selected| selected.contains(&table)) {
            files.entry(table).or_default().push(entry);
        }
    }
    Ok((files, position))
}

fn list(source: &mut FilesSource, schema: &str) -> Result<Vec<FileEntry>, Failure> {
    let listing = source.catalog.list(schema)?;
    let mut entries = Vec::new();
    for (table, files) in listing {
        source.stream.tables.insert(crate::catalog::table_hash(&table), table);
        for entry in files {
            source.stream.paths.insert(entry.path_hash(), entry.shown.clone());
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn gone(listing: &[FileEntry], position: &Position) -> Vec<FileMark> {
    let present: HashSet<u64> = listing.iter().map(|entry| entry.identity).collect();
    let marks = position.marks().iter();
    marks.filter(|mark| !present.contains(&mark.identity)).copied().collect()
}

fn name(source: &FilesSource, mark: &FileMark) -> String {
    let table = source.stream.tables.get(&mark.table_hash);
    match (source.stream.paths.get(&mark.path_hash), table) {
        (Some(path), _) => path.clone(),
        (None, Some(table)) => format!("a file of table {table}"),
        (None, None) => "a file".to_owned(),
    }
}

fn is_selected(source: &FilesSource, mark: &FileMark) -> bool {
    let table = source.stream.tables.get(&mark.table_hash);
    source
        .selected
        .as_ref()
        .is_none_or(|selected| table.is_some_and(|name| selected.contains(name)))
}

/// A file that was read to its end may go; one that was not took rows with it.
fn check_gone(source: &FilesSource, mark: &FileMark) -> Result<(), Failure> {
    let name = name(source, mark);
    if mark.done || !is_selected(source, mark) {
        log::info("a file that was read to its end is gone", &[("file", &name)]);
        return Ok(());
    }
    Err(Failure::resync(
        "file-gone",
        format!(
            "{name} was deleted after its first {} bytes (Parquet: rows) were read and before the \
             rest was; the rest is lost to the stream",
            mark.offset
        ),
    ))
}

/// Whether the file is still the one of the mark; not, if another file got its inode.
fn is_same(source: &mut FilesSource, entry: &FileEntry, mark: &FileMark) -> Result<bool, Failure> {
    let now = (entry.size, entry.modified);
    if source.stream.verified.get(&entry.identity) == Some(&now) {
        return Ok(true);
    }
    let shorter = entry.format != Format::Parquet && entry.size < mark.offset;
    let same_start = File::open(&entry.path)
        .and_then(|mut file| Fingerprint::of(&mut file, usize::from(mark.fingerprint.length)))
        .map_err(|error| fault::io(&entry.shown, &error))?
        == mark.fingerprint;
    if same_start && !shorter {
        source.stream.verified.insert(entry.identity, now);
        return Ok(true);
    }
    if !same_start && entry.path_hash() != mark.path_hash {
        // The marked file was deleted, and the system gave its inode to this one.
        check_gone(source, mark)?;
        return Ok(false);
    }
    let what = if shorter { "cut" } else { "overwritten" };
    Err(Failure::resync(
        "file-truncated",
        format!(
            "{} was {what}: {} bytes of it had been read and it now has {}{}; rows that it held \
             may have been lost unread",
            entry.shown,
            mark.offset,
            entry.size,
            if same_start { "" } else { " that begin differently" },
        ),
    ))
}

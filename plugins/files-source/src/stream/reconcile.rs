//! Compares the directory with the position: which files are which, and which are still the same.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use cartridge_warp_sdk::{DeadLetter, Failure};

use super::gone::{check_gone, find_renamed};
use crate::catalog::{FileEntry, Fingerprint, Format};
use crate::position::{FileMark, Position};
use crate::{FilesSource, fault};

/// A rename while the directory is being listed can hide a file; one more look finds it.
const SECOND_LOOK: Duration = Duration::from_millis(5);

/// The directory as the position has to see it.
pub struct Reconciled {
    /// The files of the tables that are read, under the tables that they belong to.
    pub files: BTreeMap<String, Vec<FileEntry>>,
    /// The position without files that are gone.
    pub position: Position,
    /// What may have been lost with those.
    pub letters: Vec<DeadLetter>,
}

/// Compares the directory with the position.
pub fn files(
    source: &mut FilesSource,
    schema: &str,
    after: &Position,
) -> Result<Reconciled, Failure> {
    let mut listing = list(source, schema)?;
    if !gone(&listing, after).is_empty() {
        std::thread::sleep(SECOND_LOOK);
        listing = list(source, schema)?;
    }
    let mut position = after.clone();
    // Under a name that says nothing a file is read to its end, and before its successor.
    let renamed = find_renamed(source, schema, &gone(&listing, after))?;
    listing.splice(0..0, renamed);
    adopt_restored(&listing, &mut position)?;
    let after = &position.clone();
    let mut letters = Vec::new();
    let lost_files = gone(&listing, after);
    for mark in &lost_files {
        letters.extend(check_gone(source, mark, &listing)?);
    }
    let lost: HashSet<u64> = lost_files.iter().map(|mark| mark.identity).collect();
    position.retain(|mark| !lost.contains(&mark.identity));

    let mut files: BTreeMap<String, Vec<FileEntry>> = BTreeMap::new();
    let mut seen = HashSet::new();
    for entry in listing {
        // Two names of one file are one file.
        if !seen.insert(entry.identity) {
            continue;
        }
        let mark = position.get(entry.identity).copied();
        if let Some(mark) = mark
            && !is_same(source, &entry, &mark, &mut letters)?
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
        if source.is_read(&table) {
            files.entry(table).or_default().push(entry);
        }
    }
    source.stream.seen.extend(seen);
    Ok(Reconciled { files, position, letters })
}

/// Knows files again that were restored, or moved here with the whole directory: another inode under
/// the same path, with the same time of change, the same beginning and as many bytes.
fn adopt_restored(listing: &[FileEntry], position: &mut Position) -> Result<(), Failure> {
    for mark in gone(listing, position) {
        let is_mark = |entry: &&FileEntry| {
            entry.path_hash() == mark.path_hash
                && entry.changed().is_some_and(|changed| Some(changed) == mark.changed)
                && (entry.format == Format::Parquet || entry.size >= mark.offset)
                && position.get(entry.identity).is_none()
        };
        let Some(entry) = listing.iter().find(is_mark) else { continue };
        if fingerprint_like(entry, &mark)? == mark.fingerprint && has_end(entry, &mark)? {
            let restored = FileMark { identity: entry.identity, ..mark };
            position.retain(|known| known.identity != mark.identity);
            position.set(restored);
        }
    }
    Ok(())
}

fn gone(listing: &[FileEntry], position: &Position) -> Vec<FileMark> {
    let present: HashSet<u64> = listing.iter().map(|entry| entry.identity).collect();
    let marks = position.marks().iter();
    marks.filter(|mark| !present.contains(&mark.identity)).copied().collect()
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

/// Whether the file is still the one of the mark; not, if another file got its inode.
fn is_same(
    source: &mut FilesSource,
    entry: &FileEntry,
    mark: &FileMark,
    letters: &mut Vec<DeadLetter>,
) -> Result<bool, Failure> {
    let now = (entry.size, entry.modified);
    if source.stream.verified.get(&entry.identity) == Some(&now) {
        return Ok(true);
    }
    let is_cut = entry.format != Format::Parquet && entry.size < mark.offset;
    let has_beginning = fingerprint_like(entry, mark)? == mark.fingerprint;
    let has_end = is_cut || has_end(entry, mark)?;
    if has_beginning && has_end && !is_cut {
        source.stream.verified.insert(entry.identity, now);
        return Ok(true);
    }
    let may_be_another = source.options.complete_files || entry.path_hash() != mark.path_hash;
    if may_be_another && !(has_beginning && has_end) {
        // The marked file was deleted, and the system gave its inode to this one. Files that are
        // complete when they appear are never overwritten, whatever they are called.
        letters.extend(check_gone(source, mark, &[])?);
        return Ok(false);
    }
    let what = if is_cut { "cut" } else { "overwritten" };
    Err(Failure::resync(
        "file-truncated",
        format!(
            "{} was {what}: {} bytes (Parquet: rows) of it had been read and it now has {} bytes{}; \
             rows that it held may have been lost unread",
            entry.shown,
            mark.offset,
            entry.size,
            match (has_beginning, has_end) {
                (false, _) => " that begin differently",
                (true, false) =>
                    ", of which other ones stand where the last record that was read ended",
                (true, true) => "",
            },
        ),
    ))
}

/// The file's beginning, as far as the mark's goes.
fn fingerprint_like(entry: &FileEntry, mark: &FileMark) -> Result<Fingerprint, Failure> {
    File::open(&entry.path)
        .and_then(|mut file| Fingerprint::of(&mut file, usize::from(mark.fingerprint.length)))
        .map_err(|error| fault::io(&entry.shown, &error))
}

/// Whether before the mark's offset there is what was read last. Another file of the same beginning, such
/// as a newer export, shows itself here.
fn has_end(entry: &FileEntry, mark: &FileMark) -> Result<bool, Failure> {
    let failed = |error| fault::io(&entry.shown, &error);
    if mark.tail.is_some() {
        return Ok(entry.tail(mark.offset).map_err(failed)? == mark.tail);
    }
    if mark.offset == 0 || entry.format == Format::Parquet {
        return Ok(true);
    }
    // A record ended there when the file was read up to it.
    follows_line_feed(entry, mark.offset).map_err(failed)
}

fn follows_line_feed(entry: &FileEntry, offset: u64) -> std::io::Result<bool> {
    let mut last = [0];
    let mut file = File::open(&entry.path)?;
    file.seek(SeekFrom::Start(offset - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

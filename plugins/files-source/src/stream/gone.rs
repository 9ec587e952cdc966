//! Files that were read and are no longer listed: renamed to where nobody looks, or gone.

use std::collections::HashSet;

use cartridge_warp_sdk::{DeadLetter, Failure, log};

use crate::FilesSource;
use crate::catalog::{FileEntry, Place};
use crate::position::FileMark;

/// Those of the files that are there under another name, one that says nothing of a table.
pub fn find_renamed(
    source: &mut FilesSource,
    schema: &str,
    gone: &[FileMark],
) -> Result<Vec<FileEntry>, Failure> {
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let wanted: HashSet<u64> = gone.iter().map(|mark| mark.identity).collect();
    let mut entries = Vec::new();
    for (identity, found) in source.catalog.find(schema, &wanted)? {
        let mark = gone.iter().find(|mark| mark.identity == identity);
        let known = mark.and_then(|mark| {
            Some((source.stream.tables.get(&mark.table_hash)?.clone(), mark.format?))
        });
        if let Some((table, format)) = known {
            entries.extend(source.catalog.entry(&table, format, identity, found));
        }
    }
    Ok(entries)
}

/// What a file that is gone took with it: nothing, if it was read to its end and could not grow
/// after that; a failure, if it was not; else a dead letter, since nobody can tell.
pub fn check_gone(
    source: &FilesSource,
    mark: &FileMark,
    listing: &[FileEntry],
) -> Result<Option<DeadLetter>, Failure> {
    let name = name(source, mark);
    let table = source.stream.tables.get(&mark.table_hash).or_else(|| {
        let selected = source.selected.iter().flatten();
        selected.into_iter().find(|name| crate::catalog::table_hash(name) == mark.table_hash)
    });
    let is_read = table.map_or(mark.offset > 0, |table| source.is_read(table));
    if is_read && !mark.done {
        return Err(Failure::resync(
            "file-gone",
            format!(
                "{name} was deleted after its first {} bytes (Parquet: rows) were read and before \
                 the rest was; the rest is lost to the stream",
                mark.offset
            ),
        ));
    }
    let replaced = listing.iter().any(|entry| entry.path_hash() == mark.path_hash);
    let could_grow = match mark.place {
        Some(Place::Alone) => true,
        Some(Place::Part) => replaced,
        // Positions of the first version do not say.
        Some(Place::Complete) | None => false,
    };
    let unseen = could_grow && !source.stream.seen.contains(&mark.identity);
    if !is_read || !unseen || source.options.complete_files {
        log::info("a file that was read to its end is gone", &[("file", &name)]);
        return Ok(None);
    }
    let message = format!(
        "{name} was read up to byte {} and is gone{}; if rows were added to it after that, they were \
         never read. Keep a file until it was read to its end, under any name and uncompressed; set \
         `options.complete_files: true` if none is ever added to",
        mark.offset,
        if replaced { ", another file has its name" } else { "" },
    );
    let Some(table) = table else {
        log::warn(&message, &[]);
        return Ok(None);
    };
    Ok(Some(DeadLetter::new(table, "file-gone", message, "", name)))
}

fn name(source: &FilesSource, mark: &FileMark) -> String {
    let table = source.stream.tables.get(&mark.table_hash);
    match (source.stream.paths.get(&mark.path_hash), table) {
        (Some(path), _) => path.clone(),
        (None, Some(table)) => format!("a file of table {table}"),
        (None, None) => "a file of a table that has no more".to_owned(),
    }
}

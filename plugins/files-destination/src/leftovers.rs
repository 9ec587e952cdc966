//! Files that are on the disk for nobody: what a crash left, and what readers had time to leave.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use cartridge_warp_sdk::Failure;

use crate::disk;
use crate::partition;
use crate::state::State;

/// Retired files that one call removes at most.
const REMOVED_MAX: usize = 1000;

/// Removes files that no manifest names from the schema's own directories.
pub(crate) fn clean(schema: &Path, metadata: &str, state: &State) -> Result<(), Failure> {
    let counting = state.files.iter().map(|file| &file.path);
    let known: HashSet<PathBuf> = counting
        .chain(state.retired.iter().map(|file| &file.path))
        .map(|path| schema.join(path))
        .collect();
    // Others may keep tables in the same schema, under logs of their own.
    let tables = state.tables.iter().map(|(table, shape)| shape.directory_of(table));
    let own: BTreeSet<String> = tables.chain([metadata.to_owned()]).collect();
    let mut directories: Vec<PathBuf> = own.iter().map(|name| schema.join(name)).collect();
    while let Some(directory) = directories.pop() {
        for name in disk::names(&directory)? {
            let path = directory.join(&name);
            let is_ours = name.starts_with("part-") && !known.contains(&path);
            if is_ours || disk::is_temporary(&name) {
                // A leftover that stays does no harm: readers trust the manifest.
                let _ = fs::remove_file(path);
            } else if partition::is_folder(&name) && path.is_dir() {
                directories.push(path);
            }
        }
    }
    Ok(())
}

/// Removes files that were retired at least so many seconds before `now`; the paths of those that are
/// gone. What cannot be removed is tried again.
pub(crate) fn remove_retired(schema: &Path, state: &State, keep: u64, now: u64) -> Vec<String> {
    let is_over = |at: u64| now.saturating_sub(at) >= keep;
    let over = state.retired.iter().filter(|file| is_over(file.at)).take(REMOVED_MAX);
    let is_gone = |path: &str| match fs::remove_file(schema.join(path)) {
        Ok(()) => true,
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    over.map(|file| file.path.clone()).filter(|path| is_gone(path)).collect()
}

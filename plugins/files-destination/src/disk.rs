//! Files that are on the disk once a call returns.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use cartridge_warp_sdk::Failure;

use crate::failure;

/// The mark of files that nobody may read; left behind only by a crash.
const TEMPORARY: &str = ".tmp";

/// Writes a file under a temporary name and gives it its own when it is whole.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let temporary = write_temporary(path, bytes)?;
    fs::rename(&temporary, path).map_err(failure::of(path))
}

/// Writes a file if none of its name exists; false when there is one. Of several writers that try
/// at once, one succeeds.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<bool, Failure> {
    let temporary = write_temporary(path, bytes)?;
    let linked = match fs::hard_link(&temporary, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failure::of(path)(error)),
    };
    // What is left over is cleaned at the next claim.
    let _ = fs::remove_file(&temporary);
    linked
}

/// Makes names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Failure> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(failure::of(path))
}

/// Makes a directory, with those that it lies in, and their names durable.
pub(crate) fn make_directory(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(outer) = path.parent() else { return Ok(()) };
    make_directory(outer)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failure::of(path)(error)),
        _ => sync_directory(outer),
    }
}

/// The names in a directory; none when it is not there.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure::of(path)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        // A name that is not UTF-8 is none of ours.
        names.extend(entry.map_err(failure::of(path))?.file_name().into_string());
    }
    Ok(names)
}

/// Whether a name is one that a crash left behind.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// The name that a file has until it is whole.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    path.with_added_extension(&TEMPORARY[1..])
}

fn write_temporary(path: &Path, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let temporary = temporary(path);
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // Room for the next attempt.
        let _ = fs::remove_file(&temporary);
        return Err(failure::of(path)(error));
    }
    Ok(temporary)
}

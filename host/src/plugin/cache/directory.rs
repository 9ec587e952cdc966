//! Files that only this user can have written.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Error, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::super::limits::COMPILED_BYTES_MAX;

const OTHERS_MAY_WRITE: u32 = 0o022;

/// The user id that must own everything here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(u32);

/// Makes the directory if needed; an error when somebody else could write into it.
pub(super) fn prepare(directory: &Path) -> io::Result<Owner> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(Error::other("it is not a directory"));
    }
    if metadata.mode() & OTHERS_MAY_WRITE != 0 {
        return Err(Error::other("others may write into it; it should have mode 0700"));
    }
    // A file made now belongs to us: the way to learn our user id without calling into libc.
    let probe = temporary(directory);
    let ours = create(&probe).and_then(|file| file.metadata());
    remove(&probe);
    let ours = ours?.uid();
    if metadata.uid() != ours {
        return Err(Error::other("it belongs to another user"));
    }
    Ok(Owner(ours))
}

/// A file's bytes, if it is ours alone.
pub(super) fn read(path: &Path, owner: Owner) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.uid() != owner.0 {
        return Err(Error::other("it belongs to another user"));
    }
    if metadata.mode() & OTHERS_MAY_WRITE != 0 {
        return Err(Error::other("others may write it"));
    }
    if metadata.len() > COMPILED_BYTES_MAX {
        return Err(Error::other("it is too large"));
    }
    let mut bytes = Vec::new();
    file.take(COMPILED_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file that appears whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| Error::other("it has no directory"))?;
    let unfinished = temporary(directory);
    let written = create(&unfinished)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        remove(&unfinished);
    }
    written
}

/// Files with this suffix, in no order.
pub(super) fn files(directory: &Path, suffix: &'static str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(move |path| path.extension().is_some_and(|extension| extension == suffix))
}

/// Leaves the newest `files_max` files.
pub(super) fn prune(directory: &Path, suffix: &'static str, files_max: usize) {
    let mut aged: Vec<_> = files(directory, suffix)
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    aged.sort();
    let surplus = aged.len().saturating_sub(files_max);
    for (_, path) in aged.iter().take(surplus) {
        remove(path);
    }
}

/// Removes a file; another process may have been quicker.
pub(super) fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "can't remove a cached file");
    }
}

fn create(path: &Path) -> io::Result<fs::File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A name that no other process or thread uses.
fn temporary(directory: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |age| age.subsec_nanos());
    directory.join(format!(".{}-{count}-{nanos}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("cache");
        assert!(prepare(&cache).is_ok());
        assert_eq!(fs::metadata(&cache).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(prepare(&cache).is_err());
    }

    #[test]
    fn a_link_to_a_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        assert!(prepare(&link).is_err());
    }

    #[test]
    fn a_file_that_others_can_write_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let owner = prepare(&directory.path().join("cache")).ok().unwrap();
        let path = directory.path().join("cache/x.cwasm");
        write(&path, b"code").unwrap();
        assert_eq!(read(&path, owner).unwrap(), b"code");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(read(&path, owner).is_err());
    }

    #[test]
    fn pruning_keeps_the_newest_files_and_no_temporary_ones_are_left() {
        let directory = tempfile::tempdir().unwrap();
        for n in 0..5_u64 {
            let path = directory.path().join(format!("{n}.cwasm"));
            write(&path, b"code").unwrap();
            let age = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n);
            fs::File::options().append(true).open(&path).unwrap().set_modified(age).unwrap();
        }
        prune(directory.path(), "cwasm", 2);
        let mut left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["3.cwasm", "4.cwasm"]);
    }
}

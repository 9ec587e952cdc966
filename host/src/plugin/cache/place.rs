//! A directory that is ours alone, and files in it, all reached by its handle.
//!
//! Nothing below the handle is found by a path again, and no link is followed: whoever could put one
//! there would choose which file is read or written.

use std::{
    fs::{DirBuilder, File},
    io::{self, Error, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::{
    fd::OwnedFd,
    fs::{self, AtFlags, FileType, Mode, OFlags, Stat},
    process::geteuid,
};

/// Group and others.
const OTHERS_MAY_WRITE: u32 = 0o022;
const OTHERS_MAY_ANYTHING: u32 = 0o077;

/// An open directory.
pub(super) struct Place(OwnedFd);

/// Who may read a file besides us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    Anybody,
    Nobody,
}

impl Place {
    /// Opens a directory that the operator named, and makes it if needed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::ours(fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// Opens a directory inside, and makes it if needed.
    pub(super) fn inside(&self, name: &Path) -> io::Result<Self> {
        match fs::mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Self::ours(fs::openat(&self.0, name, flags, Mode::empty())?)
    }

    fn ours(directory: OwnedFd) -> io::Result<Self> {
        check(&fs::fstat(&directory)?, OTHERS_MAY_WRITE)?;
        Ok(Self(directory))
    }

    /// The bytes of a file that is ours alone; nothing when there is none.
    pub(super) fn read(
        &self,
        name: &str,
        readers: Readers,
        bytes_max: u64,
    ) -> io::Result<Option<Vec<u8>>> {
        // Without waiting: it might be a pipe.
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found = fs::fstat(&file)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(Error::other("it is no file"));
        }
        let closed = readers == Readers::Nobody;
        check(&found, if closed { OTHERS_MAY_ANYTHING } else { OTHERS_MAY_WRITE })?;
        let mut bytes = Vec::new();
        File::from(file).take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(Error::other("it is too large"));
        }
        Ok(Some(bytes))
    }

    /// Writes a file that appears whole or not at all, in place of one that is there.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.written(parts, |unfinished| fs::renameat(&self.0, unfinished, &self.0, name))
    }

    /// The same, unless there is one.
    pub(super) fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.written(&[bytes], |unfinished| {
            fs::linkat(&self.0, unfinished, &self.0, name, AtFlags::empty())
        })
    }

    fn written(
        &self,
        parts: &[&[u8]],
        publish: impl FnOnce(&str) -> rustix::io::Result<()>,
    ) -> io::Result<()> {
        let unfinished = temporary();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file =
            File::from(fs::openat(&self.0, &*unfinished, flags, Mode::RUSR | Mode::WUSR)?);
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        let published = written
            .and_then(|()| file.sync_all())
            .and_then(|()| publish(&unfinished).map_err(Error::from));
        // A file that was renamed is there no more.
        let _ = fs::unlinkat(&self.0, &*unfinished, AtFlags::empty());
        published
    }

    /// Removes a file; another process may have been quicker.
    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = fs::unlinkat(&self.0, name, AtFlags::empty()) {
            tracing::debug!(name, %error, "can't remove a cached file");
        }
    }

    /// Leaves the newest `files_max` files whose names end so.
    pub(super) fn prune(&self, suffix: &str, files_max: usize) -> io::Result<()> {
        let mut aged = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(text) = name.to_str().ok().filter(|name| name.ends_with(suffix)) else {
                continue;
            };
            if let Ok(found) = fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                aged.push((found.st_mtime, found.st_mtime_nsec, text.to_owned()));
            }
        }
        aged.sort();
        let surplus = aged.len().saturating_sub(files_max);
        for (_, _, name) in aged.iter().take(surplus) {
            self.remove(name);
        }
        Ok(())
    }
}

/// Ours, and closed to others as far as `others` says.
#[allow(clippy::useless_conversion, reason = "a mode has 16 bits on some systems")]
fn check(found: &Stat, others: u32) -> io::Result<()> {
    if found.st_uid != geteuid().as_raw() {
        return Err(Error::other("it belongs to another user"));
    }
    if u32::from(found.st_mode) & others != 0 {
        let mode = if others == OTHERS_MAY_WRITE { "go-w" } else { "go=" };
        return Err(Error::other(format!("others have access to it; `chmod {mode}` mends that")));
    }
    Ok(())
}

/// A name that no other process or thread uses.
fn temporary() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |age| age.subsec_nanos());
    format!(".{}-{count}-{nanos}.tmp", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::SystemTime};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let outer = Place::open(&directory.path().join("state")).unwrap();
        let path = directory.path().join("state/compiled");
        assert!(outer.inside(Path::new("compiled")).is_ok());
        assert_eq!(mode(&path), 0o700);
        chmod(&path, 0o777);
        assert!(outer.inside(Path::new("compiled")).is_err());
        chmod(&directory.path().join("state"), 0o770);
        assert!(Place::open(&directory.path().join("state")).is_err());
    }

    #[test]
    fn no_link_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let outer = Place::open(directory.path()).unwrap();
        fs::create_dir(directory.path().join("elsewhere")).unwrap();
        fs::write(directory.path().join("file"), "x").unwrap();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, directory.path().join(name)).unwrap();
        };
        link("elsewhere", "compiled");
        link("file", "entry");
        assert!(outer.inside(Path::new("compiled")).is_err());
        assert!(outer.read("entry", Readers::Anybody, 10).is_err());
        outer.write("entry", &[b"new"]).unwrap();
        assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"x", "the link was replaced");
    }

    #[test]
    fn a_file_that_others_reach_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::open(directory.path()).unwrap();
        let path = directory.path().join("x");
        place.write("x", &[b"co", b"de"]).unwrap();
        assert_eq!(place.read("x", Readers::Nobody, 4).unwrap().unwrap(), b"code");
        assert_eq!(mode(&path), 0o600);
        assert!(place.read("x", Readers::Anybody, 3).is_err(), "too large");
        chmod(&path, 0o644);
        assert!(place.read("x", Readers::Anybody, 4).is_ok());
        assert!(place.read("x", Readers::Nobody, 4).is_err());
        chmod(&path, 0o666);
        assert!(place.read("x", Readers::Anybody, 4).is_err());
        assert_eq!(place.read("y", Readers::Anybody, 4).unwrap(), None);
    }

    #[test]
    fn what_is_written_once_stays() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::open(directory.path()).unwrap();
        place.write_new("x", b"first").unwrap();
        assert!(place.write_new("x", b"second").is_err());
        assert_eq!(place.read("x", Readers::Nobody, 10).unwrap().unwrap(), b"first");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn pruning_keeps_the_newest_files_and_no_temporary_ones_are_left() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::open(directory.path()).unwrap();
        for n in 0..5_u64 {
            let name = format!("{n}.cwasm");
            place.write(&name, &[b"code"]).unwrap();
            let age = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(n);
            let file = File::options().append(true).open(directory.path().join(name)).unwrap();
            file.set_modified(age).unwrap();
        }
        place.prune(".cwasm", 2).unwrap();
        let mut left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["3.cwasm", "4.cwasm"]);
    }
}

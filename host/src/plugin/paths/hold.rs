//! Keeps other processes away from a file that a plugin writes.
//!
//! WASI has no file locks, so a database inside a component cannot tell a killed writer from a living
//! one. The host can: it holds a system lock on the file itself while any of its plugins has the file
//! open, and the system releases it when the process dies, however it dies. Instances of one process
//! share the hold; what keeps them apart from each other is the plugin's business.
//!
//! The file is opened in the granted directory that is open already, never through a link, and is
//! made where it is missing, since a lock needs something to lie on. One that was made here and
//! stayed empty goes with the hold.

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    io,
    sync::{Arc, Mutex, PoisonError, Weak},
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, openat, statat, unlinkat},
    io::Errno,
};

use super::walk::Identity;

/// File systems stamp files with a clock that may be this much behind.
const CLOCK_GRAIN: Duration = Duration::from_millis(20);
/// A hold of this process that is being let go is locked a moment longer than it is known.
const TRIES_MAX: u32 = 10;
const PAUSE: Duration = Duration::from_millis(5);
const OWN: Mode = Mode::RUSR.union(Mode::WUSR);

/// A held file. The last clone lets go.
#[derive(Debug)]
pub(in crate::plugin) struct Hold {
    /// Locked as long as it is open.
    file: File,
    identity: Identity,
    directory: Arc<File>,
    name: String,
    made: bool,
    /// Whatever was stamped before this was stamped by a process that is gone.
    pub since: SystemTime,
}

/// Why a file cannot be held.
#[derive(Debug)]
pub(in crate::plugin) enum NotHeld {
    /// Another process holds it.
    InUse,
    /// Other connections of this process write a file that is no longer at its place.
    Replaced,
    Link,
    /// A directory, a pipe or a device.
    NoFile,
    Io(io::Error),
}

impl From<Errno> for NotHeld {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

impl Hold {
    /// Milliseconds since 1970.
    pub fn since_ms(&self) -> u128 {
        self.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
    }

    /// The file that is locked: what is found by its name has to be this one.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    fn is_in_place(&self) -> bool {
        at(&self.directory, &self.name).is_ok_and(|found| found == self.identity)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let is_empty = self.file.metadata().is_ok_and(|file| file.len() == 0);
        if self.made && is_empty && self.is_in_place() {
            // Still locked: who waits for it looks whether it is the one that is there.
            let _ = unlinkat(&self.directory, self.name.as_str(), AtFlags::empty());
        }
    }
}

/// Holds a file for this process. Blocks for [`CLOCK_GRAIN`] when it was not held yet.
pub(in crate::plugin) fn hold(directory: &Arc<File>, name: &str) -> Result<Arc<Hold>, NotHeld> {
    type Held = HashMap<(Identity, String), Weak<Hold>>;
    static HELD: Mutex<Option<Held>> = Mutex::new(None);
    let key = (Identity::of(directory).map_err(NotHeld::Io)?, name.to_owned());
    // The map is consistent between statements.
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let held = held.get_or_insert_default();
    if let Some(hold) = held.get(&key).and_then(Weak::upgrade) {
        return if hold.is_in_place() { Ok(hold) } else { Err(NotHeld::Replaced) };
    }
    held.retain(|_, hold| hold.strong_count() > 0);
    let (file, identity, made) = lock(directory, name)?;
    // Between a dead writer's last stamp and our plugins' first one lies twice the clock's grain.
    let since = SystemTime::now() + Duration::from_millis(1);
    sleep(CLOCK_GRAIN);
    let (directory, name) = (Arc::clone(directory), name.to_owned());
    let hold = Arc::new(Hold { file, identity, directory, name, made, since });
    held.insert(key, Arc::downgrade(&hold));
    Ok(hold)
}

/// The locked file, what it is, and whether it was made.
fn lock(directory: &File, name: &str) -> Result<(File, Identity, bool), NotHeld> {
    for _ in 0..TRIES_MAX {
        let Some((file, made)) = open(directory, name)? else { continue };
        if !file.metadata().map_err(NotHeld::Io)?.is_file() {
            return Err(NotHeld::NoFile);
        }
        match file.try_lock() {
            Ok(()) => {
                let identity = Identity::of(&file).map_err(NotHeld::Io)?;
                // It may have been removed or replaced before it was locked.
                if at(directory, name).is_ok_and(|found| found == identity) {
                    return Ok((file, identity, made));
                }
            }
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(NotHeld::Io(error)),
        }
    }
    Err(NotHeld::InUse)
}

/// Opens or makes a file; None when it came or went meanwhile. Never waits for a pipe's other end.
fn open(directory: &File, name: &str) -> Result<Option<(File, bool)>, NotHeld> {
    let flags =
        OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => return Ok(Some((file.into(), false))),
        Err(Errno::NOENT) => {}
        Err(Errno::LOOP) => return Err(NotHeld::Link),
        Err(Errno::ISDIR | Errno::NXIO | Errno::NODEV) => return Err(NotHeld::NoFile),
        Err(error) => return Err(error.into()),
    }
    match openat(directory, name, flags | OFlags::CREATE | OFlags::EXCL, OWN) {
        Ok(file) => Ok(Some((file.into(), true))),
        Err(Errno::EXIST) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is at the place itself, whether a link or not.
fn at(directory: &File, name: &str) -> io::Result<Identity> {
    Ok(Identity::from_stat(&statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn opened(directory: &tempfile::TempDir) -> Arc<File> {
        Arc::new(File::open(directory.path()).unwrap())
    }

    #[test]
    fn one_process_shares_a_hold_and_lets_go_with_the_last_one() {
        let directory = tempfile::tempdir().unwrap();
        let (handle, path) = (opened(&directory), directory.path().join("shop.db"));
        let first = hold(&handle, "shop.db").unwrap();
        let second = hold(&opened(&directory), "shop.db").unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        // Another open file description is what another process would have.
        fs::write(&path, "x").unwrap();
        let other = File::open(&path).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop((first, second));
        other.try_lock().unwrap();
        assert!(matches!(hold(&handle, "shop.db"), Err(NotHeld::InUse)));
    }

    #[test]
    fn what_was_made_and_stayed_empty_goes_and_all_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (handle, path) = (opened(&directory), directory.path().join("shop.db"));
        drop(hold(&handle, "shop.db").unwrap());
        assert!(!path.exists());
        fs::write(&path, "").unwrap();
        drop(hold(&handle, "shop.db").unwrap());
        assert!(path.exists(), "it was there before");
        let held = hold(&handle, "shop.db").unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another").unwrap();
        assert!(matches!(hold(&handle, "shop.db"), Err(NotHeld::Replaced)));
        drop(held);
        assert!(hold(&handle, "shop.db").is_ok(), "the other one may be held now");
    }

    #[test]
    fn links_pipes_and_directories_are_not_held() {
        let directory = tempfile::tempdir().unwrap();
        let (handle, at) = (opened(&directory), |name: &str| directory.path().join(name));
        fs::write(at("elsewhere"), "x").unwrap();
        std::os::unix::fs::symlink(at("elsewhere"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("made"), at("dangling")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        assert!(matches!(hold(&handle, "link"), Err(NotHeld::Link)));
        assert!(matches!(hold(&handle, "dangling"), Err(NotHeld::Link)));
        assert!(!at("made").exists());
        assert!(matches!(hold(&handle, "directory"), Err(NotHeld::NoFile)));
        assert!(matches!(hold(&handle, "pipe"), Err(NotHeld::NoFile)));
    }
}

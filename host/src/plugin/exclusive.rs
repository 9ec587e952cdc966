//! Keeps other processes away from a file that a plugin writes.
//!
//! WASI has no file locks, so a database inside a component cannot tell a killed writer from a living
//! one. The host can: it holds a system lock beside the file while any of its plugins has the file
//! open, and the system releases it when the process dies, however it dies. Instances of one process
//! share the hold; what keeps them apart from each other is the plugin's business.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// File systems stamp files with a clock that may be this much behind.
const CLOCK_GRAIN: Duration = Duration::from_millis(20);

/// A held file. The last clone lets go.
#[derive(Debug)]
pub(super) struct Hold {
    /// Locked as long as it is open.
    _lock: File,
    /// Whatever was stamped before this was stamped by a process that is gone.
    pub since: SystemTime,
}

/// Why a file cannot be held.
#[derive(Debug)]
pub(super) enum NotHeld {
    /// Another process holds it.
    InUse,
    Io(io::Error),
}

impl Hold {
    /// Milliseconds since 1970.
    pub fn since_ms(&self) -> u128 {
        self.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
    }
}

/// Holds a file for this process. Blocks for [`CLOCK_GRAIN`] when it was not held yet.
pub(super) fn hold(path: &Path) -> Result<Arc<Hold>, NotHeld> {
    static HELD: Mutex<Option<HashMap<PathBuf, Weak<Hold>>>> = Mutex::new(None);
    let lock_path = beside(path);
    // The map is consistent between statements.
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let held = held.get_or_insert_default();
    if let Some(hold) = held.get(&lock_path).and_then(Weak::upgrade) {
        return Ok(hold);
    }
    held.retain(|_, hold| hold.strong_count() > 0);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(NotHeld::Io)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => NotHeld::InUse,
        TryLockError::Error(error) => NotHeld::Io(error),
    })?;
    // Between a dead writer's last stamp and our plugins' first one lies twice the clock's grain.
    let since = SystemTime::now() + Duration::from_millis(1);
    std::thread::sleep(CLOCK_GRAIN);
    let hold = Arc::new(Hold { _lock: lock, since });
    held.insert(lock_path, Arc::downgrade(&hold));
    Ok(hold)
}

/// `shop.db` → `.shop.db.cartridge-warp`. It stays behind empty: removing it would race with others.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.cartridge-warp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_shares_a_hold_and_lets_go_with_the_last_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shop.db");
        let first = hold(&path).unwrap();
        let second = hold(&path).unwrap();
        assert!(Arc::ptr_eq(&first, &second));

        // Another open file description is what another process would have.
        let other = File::open(beside(&path)).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop((first, second));
        other.try_lock().unwrap();
        assert!(matches!(hold(&path), Err(NotHeld::InUse)));
    }
}

//! The lock of a component and what a killed one leaves behind.
//!
//! WASI has no file locks, so SQLite there makes a directory `<database>.lock` for the length of a
//! transaction. A process that is killed in one leaves it. It is taken over after a time of silence;
//! a living writer touches it far more often than that. Where the host keeps other processes away,
//! only an instance of the same process can hold a young lock, and a commit on a busy disk may keep it
//! silent for as long as a call may last: two writers in one file would damage it, so nobody takes the
//! lock before the host must have ended its holder. Natively SQLite uses the system's locks, and there
//! is nothing to find here.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cartridge_warp_sdk::log;

use crate::place::Exclusive;

/// How long the host may take to end an instance after its deadline.
const ENDING: Duration = Duration::from_secs(15);

/// The lock directory of one database file.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    stale_after: Duration,
    /// No other process has had the database open since then, so an older lock is a dead one's.
    exclusive_since: Option<SystemTime>,
}

impl Lock {
    pub(crate) fn of(database: &Path, stale_after: Duration, exclusive: Option<Exclusive>) -> Self {
        let alive = exclusive.map_or(Duration::ZERO, |it| it.call_deadline.saturating_add(ENDING));
        Self {
            path: with_suffix(database, ".lock"),
            stale_after: stale_after.max(alive),
            exclusive_since: exclusive.map(|exclusive| exclusive.since),
        }
    }

    /// Shows others that the holder is alive. Nothing to do where SQLite made no directory.
    pub(crate) fn touch(&self) {
        if let Ok(directory) = File::open(&self.path) {
            // Best effort: at worst another runner takes us for dead and the epoch check stops one.
            let _ = directory.set_modified(SystemTime::now());
        }
    }

    /// Removes the lock if its holder has been silent for too long; true when it is gone.
    pub(crate) fn break_if_stale(&self) -> bool {
        if !self.is_stale(&self.path) {
            return false;
        }
        // The rename succeeds for one of several waiters only.
        let aside = with_suffix(&self.path, &format!(".stale-{:x}", nonce()));
        if fs::rename(&self.path, &aside).is_err() {
            return false;
        }
        if !self.is_stale(&aside) {
            // Somebody took the lock between the look and the rename: give it back.
            let _ = fs::rename(&aside, &self.path);
            return false;
        }
        log::warn(
            "took over the lock of a writer that is gone, or has been silent for too long",
            &[("stale_after_seconds", &self.stale_after.as_secs().to_string())],
        );
        fs::remove_dir(&aside).is_ok()
    }

    fn is_stale(&self, path: &Path) -> bool {
        let Ok(touched) = fs::metadata(path).and_then(|metadata| metadata.modified()) else {
            return false;
        };
        let silent = SystemTime::now().duration_since(touched).unwrap_or_default();
        self.exclusive_since.is_some_and(|since| touched < since) || silent >= self.stale_after
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Differs from waiter to waiter.
fn nonce() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_lock_is_respected_and_a_silent_one_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("copy.db");
        fs::create_dir(directory.path().join("copy.db.lock")).unwrap();

        assert!(!Lock::of(&database, Duration::from_secs(60), None).break_if_stale());
        std::thread::sleep(Duration::from_millis(20));
        let impatient = Lock::of(&database, Duration::from_millis(10), None);
        impatient.touch();
        assert!(!impatient.break_if_stale(), "touching keeps it");
        std::thread::sleep(Duration::from_millis(20));
        assert!(impatient.break_if_stale());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
    }
    #[test]
    fn where_others_are_kept_away_age_alone_shows_a_dead_holder() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("copy.db");
        let lock = directory.path().join("copy.db.lock");
        fs::create_dir(&lock).unwrap();
        let now = SystemTime::now();
        let (minute, second) = (Duration::from_secs(60), Duration::from_secs(1));
        let of =
            |since| Lock::of(&database, second, Some(Exclusive { since, call_deadline: minute }));
        let silent_for = |time| File::open(&lock).unwrap().set_modified(now - time).unwrap();
        silent_for(minute);
        assert!(!of(now - 2 * minute).break_if_stale(), "a sibling that may be in a long commit");
        silent_for(minute + ENDING + second);
        assert!(of(now - 2 * minute).break_if_stale(), "a sibling that the host has ended");
        fs::create_dir(&lock).unwrap();
        assert!(of(now + minute).break_if_stale(), "a lock from before this process");
    }
}

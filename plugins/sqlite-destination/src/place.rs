//! Where the database file is.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cartridge_warp_sdk::{Config, Failure};

use crate::Options;

/// Bytes 18 and 19 of a database file are 2 in write-ahead mode.
const WAL_MARK: u8 = 2;

/// The granted database file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
    /// What the operator wrote: for messages.
    configured: String,
    exclusive: Option<Exclusive>,
}

/// The host keeps all other processes of its kind away from the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exclusive {
    pub(crate) since: SystemTime,
    /// Another instance of this process that is silent for longer than this has been ended.
    pub(crate) call_deadline: Duration,
}

impl Exclusive {
    fn of(config: &Config<Options>) -> Option<Self> {
        let milliseconds = |key| {
            let value = config.setting(key)?.parse().ok()?;
            Some(Duration::from_millis(value))
        };
        let since = SystemTime::UNIX_EPOCH.checked_add(milliseconds("exclusive_since_ms")?)?;
        Some(Self { since, call_deadline: milliseconds("call_deadline_ms")? })
    }
}

impl Place {
    pub(crate) fn of(config: &Config<Options>) -> Result<Self, Failure> {
        let granted = config.path("connection_string")?;
        let place = Self {
            path: PathBuf::from(&granted.guest_path),
            configured: granted.configured.clone(),
            exclusive: Exclusive::of(config),
        };
        if !granted.writable {
            return Err(place.unfit("read-only", "was granted for reading only; allow writing"));
        }
        if place.path.is_dir() {
            return Err(place.unfit("is-a-directory", "is a directory; name a file in it"));
        }
        if !place.directory().is_dir() {
            return Err(place.unfit("no-directory", "lies in no existing directory; make it first"));
        }
        place.check_header()?;
        Ok(place)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn configured(&self) -> &str {
        &self.configured
    }

    /// What the host says of others that may have the file open.
    pub(crate) fn exclusive(&self) -> Option<Exclusive> {
        self.exclusive
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Proves that a file could be made here, and leaves none.
    pub(crate) fn probe(&self) -> Result<(), Failure> {
        let made = File::create_new(&self.path).and_then(|_| fs::remove_file(&self.path));
        made.map_err(|error| {
            self.unfit("cannot-open", "lies in a directory that cannot be written to")
                .detail(error.to_string())
        })
    }

    fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// Write-ahead mode needs shared memory, which a component does not have.
    fn check_header(&self) -> Result<(), Failure> {
        let mut header = [0; 20];
        let read = File::open(&self.path).and_then(|mut file| file.read_exact(&mut header));
        if read.is_ok() && header.starts_with(b"SQLite format 3\0") && header[18] == WAL_MARK {
            return Err(self.unfit(
                "wal-mode",
                "is in write-ahead mode; run `PRAGMA journal_mode=DELETE` on it once with the \
                 sqlite3 command",
            ));
        }
        Ok(())
    }

    fn unfit(&self, code: &str, why: &str) -> Failure {
        Failure::config(code, format!("the database file {} {why}", self.configured))
    }
}

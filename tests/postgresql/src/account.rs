//! Who a server runs as: PostgreSQL refuses to run as root.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// An account of the system.
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// The account to switch to; none when this process is not root.
    pub(crate) fn for_server() -> Option<Self> {
        let own = fs::metadata("/proc/self").map_or(1, |process| process.uid());
        if own != 0 {
            return None;
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let found = ["postgres", "nobody"].iter().find_map(|name| Self::of(&accounts, name));
        Some(
            found.expect("a server cannot run as root, and there is no account postgres or nobody"),
        )
    }

    fn of(accounts: &str, name: &str) -> Option<Self> {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().ok());
        Some(Self { uid: numbers.next()??, gid: numbers.next()?? })
    }

    /// Makes it the owner of a folder.
    pub(crate) fn give(&self, folder: &Path) {
        chown(folder, Some(self.uid), Some(self.gid)).unwrap();
    }
}

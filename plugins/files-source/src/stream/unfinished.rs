//! Ends of files that are in the middle of a record: nobody may ever end it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, SystemTime};

use cartridge_warp_sdk::{DeadLetter, PAYLOAD_BYTES_MAX, log};

use crate::catalog::FileEntry;
use crate::read::{Unfinished, why_unfinished};

/// Nobody who is writing a record leaves it alone for so long.
const QUIET: Duration = Duration::from_secs(10);

/// What was said of which file, by its identity.
#[derive(Default)]
pub struct Said(HashMap<u64, How>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Logged,
    Letter,
}

impl Said {
    /// Says that what stands behind `offset` is not read: once in the log, and once as a dead letter when
    /// it is unlikely to be ended (`complete`: the operator says that it never is).
    pub fn say(&mut self, entry: &FileEntry, offset: u64, complete: bool) -> Option<DeadLetter> {
        // A file that went away meanwhile is the next look's business.
        let why = why_unfinished(entry, offset).ok()?;
        let is_final = complete || why != Unfinished::Line && is_quiet(entry);
        let how = if is_final { How::Letter } else { How::Logged };
        let before = self.0.get(&entry.identity).copied();
        if before == Some(How::Letter) || before == Some(how) {
            return None;
        }
        self.0.insert(entry.identity, how);
        let from = offset + 1;
        if how == How::Logged {
            log::warn(why.words(), &[("file", &entry.shown), ("from_byte", &from.to_string())]);
            return None;
        }
        let message = format!("{} (from byte {from} of {} on)", why.words(), entry.shown);
        let rest = rest(entry, offset).unwrap_or_default();
        Some(DeadLetter::new(&entry.table, "unfinished-record", message, &rest, &entry.shown))
    }
}

fn is_quiet(entry: &FileEntry) -> bool {
    let age = entry.modified.and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age >= QUIET)
}

/// What is not read, as far as a dead letter has room.
fn rest(entry: &FileEntry, offset: u64) -> std::io::Result<String> {
    let mut file = File::open(&entry.path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = Vec::new();
    file.take(PAYLOAD_BYTES_MAX as u64).read_to_end(&mut rest)?;
    Ok(String::from_utf8_lossy(&rest).into_owned())
}

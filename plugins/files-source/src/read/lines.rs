//! Line numbers for dead letters.
//!
//! Offsets are what is stored, so lines are counted only when a row is rejected, and from where the
//! last count of the same file ended.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use crate::catalog::FileEntry;

const BLOCK_BYTES: usize = 256 << 10;

/// Counts of one connection.
#[derive(Debug, Default)]
pub struct LineNumbers {
    /// By file identity: an offset and the line that begins there.
    counted: HashMap<u64, (u64, u64)>,
}

impl LineNumbers {
    /// `file:line` of what begins at `offset`; `file@offset` when the file went away meanwhile.
    pub fn origin(&mut self, entry: &FileEntry, offset: u64) -> String {
        match self.count(entry, offset) {
            Ok(line) => format!("{}:{line}", entry.shown),
            Err(_) => format!("{}@{offset}", entry.shown),
        }
    }

    fn count(&mut self, entry: &FileEntry, offset: u64) -> Result<u64> {
        let (mut at, mut line) = match self.counted.get(&entry.identity) {
            Some((at, line)) if *at <= offset => (*at, *line),
            _ => (0, 1),
        };
        let mut file = File::open(&entry.path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut block = vec![0; BLOCK_BYTES];
        while at < offset {
            let left = usize::try_from(offset - at).unwrap_or(BLOCK_BYTES);
            let read = file.read(&mut block[..left.min(BLOCK_BYTES)])?;
            if read == 0 {
                break;
            }
            line += memchr::memchr_iter(b'\n', &block[..read]).count() as u64;
            at += read as u64;
        }
        self.counted.insert(entry.identity, (at, line));
        Ok(line)
    }
}

//! The stream's position: how far each file has been consumed.
//!
//! Version 1: the version byte, then 32 bytes at most for each file: identity, fingerprint, the
//! hashes of table and path, offset and flags. Offsets are bytes, for Parquet rows, and always lie
//! between two records.

use std::collections::HashMap;

use cartridge_warp_sdk::Failure;

use crate::catalog::Fingerprint;

const VERSION: u8 = 1;
/// Files of one schema: keeps a position below the 64 KiB that the host stores.
pub const FILES_MAX: usize = 2_000;
const DONE: u8 = 1;

/// How far one file has been consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileMark {
    /// The file, whatever its name is now.
    pub identity: u64,
    /// Its first bytes.
    pub fingerprint: Fingerprint,
    /// The table it belongs to.
    pub table_hash: u32,
    /// Where it was last seen.
    pub path_hash: u32,
    /// Everything before this has been returned.
    pub offset: u64,
    /// Whether that was all there was.
    pub done: bool,
}

/// All files of a schema that were ever read, in the order in which they were first seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    marks: Vec<FileMark>,
    by_identity: HashMap<u64, usize>,
}

impl Position {
    /// The mark of a file.
    pub fn get(&self, identity: u64) -> Option<&FileMark> {
        self.by_identity.get(&identity).map(|at| &self.marks[*at])
    }

    /// Stores the mark of a file.
    pub fn set(&mut self, mark: FileMark) {
        match self.by_identity.get(&mark.identity) {
            Some(at) => self.marks[*at] = mark,
            None => {
                self.by_identity.insert(mark.identity, self.marks.len());
                self.marks.push(mark);
            }
        }
    }

    /// All marks.
    pub fn marks(&self) -> &[FileMark] {
        &self.marks
    }

    /// Forgets the files for which `keep` is false.
    pub fn retain(&mut self, keep: impl FnMut(&FileMark) -> bool) {
        self.marks.retain(keep);
        self.by_identity =
            self.marks.iter().enumerate().map(|(at, mark)| (mark.identity, at)).collect();
    }

    /// The bytes for the host.
    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        if self.marks.len() > FILES_MAX {
            return Err(Failure::config(
                "too-many-files",
                format!(
                    "the schema has {} files and a position holds {FILES_MAX}; move files that \
                     were loaded out of the directory, or use fewer and larger ones",
                    self.marks.len()
                ),
            ));
        }
        let mut bytes = vec![VERSION];
        for mark in &self.marks {
            bytes.extend(mark.identity.to_le_bytes());
            bytes.extend(mark.fingerprint.length.to_le_bytes());
            bytes.extend(mark.fingerprint.hash.to_le_bytes());
            bytes.extend(mark.table_hash.to_le_bytes());
            bytes.extend(mark.path_hash.to_le_bytes());
            bytes.push(if mark.done { DONE } else { 0 });
            push_varint(&mut bytes, mark.offset);
        }
        Ok(bytes)
    }

    /// Reads the bytes back; no bytes are the beginning of everything.
    pub fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let mut position = Self::default();
        let Some((version, mut rest)) = bytes.split_first() else { return Ok(position) };
        let unreadable = || {
            Failure::stop(
                "unreadable-position",
                format!(
                    "the stored position (version {version}) was not written by this connector or is damaged"
                ),
            )
        };
        if *version != VERSION {
            return Err(unreadable());
        }
        while !rest.is_empty() {
            position.set(take_mark(&mut rest).ok_or_else(unreadable)?);
        }
        Ok(position)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*bytes)
}

fn take_mark(rest: &mut &[u8]) -> Option<FileMark> {
    let identity = u64::from_le_bytes(take(rest)?);
    let length = u16::from_le_bytes(take(rest)?);
    let hash = u32::from_le_bytes(take(rest)?);
    let table_hash = u32::from_le_bytes(take(rest)?);
    let path_hash = u32::from_le_bytes(take(rest)?);
    let [flags] = take(rest)?;
    let offset = take_varint(rest)?;
    let fingerprint = Fingerprint { length, hash };
    Some(FileMark { identity, fingerprint, table_hash, path_hash, offset, done: flags == DONE })
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let [byte] = take(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(identity: u64, offset: u64) -> FileMark {
        let fingerprint = Fingerprint { length: 1024, hash: 7 };
        FileMark { identity, fingerprint, table_hash: 1, path_hash: 2, offset, done: true }
    }

    #[test]
    fn a_full_position_fits_and_survives() {
        let mut position = Position::default();
        (0..FILES_MAX as u64).for_each(|file| position.set(mark(file, 1 << 34)));
        let bytes = position.encode().unwrap();
        assert!(bytes.len() <= 64 << 10, "{}", bytes.len());
        assert_eq!(Position::decode(&bytes).unwrap(), position);
        position.set(mark(u64::MAX, 0));
        assert_eq!(position.encode().unwrap_err().code, "too-many-files");
    }

    #[test]
    fn damaged_positions_are_refused() {
        let mut position = Position::default();
        position.set(mark(1, 300));
        let bytes = position.encode().unwrap();
        for end in 1..bytes.len() {
            let read = Position::decode(&bytes[..end]);
            assert!(end == 1 || read.is_err(), "cut at {end}");
        }
        assert_eq!(Position::decode(&[9, 9]).unwrap_err().code, "unreadable-position");
    }
}

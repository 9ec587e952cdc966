//! The stream's position: how far each file has been consumed.
//!
//! The version byte, then 32 bytes at most for each file: identity, fingerprint, the hashes of table
//! and path, flags and offset. Offsets are bytes, for Parquet rows, and always lie between two records.
//! Where there is room for them, 4 more are the hash of what stands before the offset, and 4 the time of
//! the file's last change. Version 1 had no flags but the first, version 2 no such hash.

use std::collections::HashMap;

use cartridge_warp_sdk::Failure;

use crate::catalog::{Fingerprint, Format, Place};

const VERSION: u8 = 3;
const VERSIONS: [u8; 3] = [1, 2, VERSION];
/// Files of one schema: keeps a position below the 64 KiB that the host stores.
pub const FILES_MAX: usize = 2_000;
/// What the host stores.
const BYTES_MAX: usize = 64 << 10;
const DONE: u8 = 1;
/// The place of the file among the files of its table, in two bits; zero where nobody noted it.
const PLACES: [(u8, Place); 3] =
    [(1 << 1, Place::Alone), (2 << 1, Place::Part), (3 << 1, Place::Complete)];
/// Its format, in two bits; zero where nobody noted it.
const FORMATS: [(u8, Format); 3] =
    [(1 << 3, Format::Csv), (2 << 3, Format::Ndjson), (3 << 3, Format::Parquet)];
/// The time of its last change follows.
const TIMED: u8 = 1 << 5;
/// The hash of what stands before the offset follows.
const TAILED: u8 = 1 << 6;

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
    /// Where it had its place when it was last seen.
    pub place: Option<Place>,
    /// How it is written.
    pub format: Option<Format>,
    /// When it was last changed, in seconds since 1970.
    pub changed: Option<u32>,
    /// What stands before the offset ([`FileEntry::tail`](crate::catalog::FileEntry::tail)).
    pub tail: Option<u32>,
}

impl FileMark {
    fn flags(&self) -> u8 {
        let place = PLACES.iter().find(|(_, place)| Some(*place) == self.place);
        let format = FORMATS.iter().find(|(_, format)| Some(*format) == self.format);
        let bits = place.map_or(0, |(bits, _)| *bits) | format.map_or(0, |(bits, _)| *bits);
        let follow = if self.changed.is_some() { TIMED } else { 0 }
            | if self.tail.is_some() { TAILED } else { 0 };
        bits | follow | if self.done { DONE } else { 0 }
    }
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
        let whole = self.written(|mark| mark);
        if whole.len() <= BYTES_MAX {
            return Ok(whole);
        }
        let untimed = self.written(|mark| FileMark { changed: None, ..mark });
        if untimed.len() <= BYTES_MAX {
            return Ok(untimed);
        }
        Ok(self.written(|mark| FileMark { changed: None, tail: None, ..mark }))
    }

    fn written(&self, with: impl Fn(FileMark) -> FileMark) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for mark in self.marks.iter().copied().map(with) {
            bytes.extend(mark.identity.to_le_bytes());
            bytes.extend(mark.fingerprint.length.to_le_bytes());
            bytes.extend(mark.fingerprint.hash.to_le_bytes());
            bytes.extend(mark.table_hash.to_le_bytes());
            bytes.extend(mark.path_hash.to_le_bytes());
            bytes.push(mark.flags());
            push_varint(&mut bytes, mark.offset);
            bytes.extend(mark.tail.iter().flat_map(|hash| hash.to_le_bytes()));
            bytes.extend(mark.changed.iter().flat_map(|time| time.to_le_bytes()));
        }
        bytes
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
        if !VERSIONS.contains(version) {
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
    let mut follows = |flag| match flags & flag {
        0 => Some(None),
        _ => Some(Some(u32::from_le_bytes(take(rest)?))),
    };
    let (tail, changed) = (follows(TAILED)?, follows(TIMED)?);
    let place = PLACES.iter().find(|(bits, _)| flags & PLACES[2].0 == *bits);
    let format = FORMATS.iter().find(|(bits, _)| flags & FORMATS[2].0 == *bits);
    Some(FileMark {
        identity,
        fingerprint,
        table_hash,
        path_hash,
        offset,
        done: flags & DONE == DONE,
        place: place.map(|(_, place)| *place),
        format: format.map(|(_, format)| *format),
        changed,
        tail,
    })
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
        let (place, format) = (Some(Place::Part), Some(Format::Ndjson));
        FileMark {
            identity,
            fingerprint,
            table_hash: 1,
            path_hash: 2,
            offset,
            done: true,
            place,
            format,
            changed: None,
            tail: None,
        }
    }

    #[test]
    fn a_full_position_fits_and_survives() {
        let full = |changed, tail, offset| {
            let mut position = Position::default();
            let full = |file| FileMark { changed, tail, ..mark(file, offset) };
            (0..FILES_MAX as u64).for_each(|file| position.set(full(file)));
            position
        };
        let mut position = full(None, None, 1 << 48);
        let bytes = position.encode().unwrap();
        assert!(bytes.len() <= BYTES_MAX, "{}", bytes.len());
        assert_eq!(Position::decode(&bytes).unwrap(), position);
        let mut whole = position.clone();
        whole.set(FileMark { changed: Some(7), tail: Some(8), ..mark(0, 1 << 48) });
        assert_eq!(Position::decode(&whole.encode().unwrap()).unwrap(), whole);
        // Times are left out first, then what stands before the offsets, and never a file.
        for (offset, tail) in [(1 << 48, None), (1 << 20, Some(8))] {
            let read = Position::decode(&full(Some(7), Some(8), offset).encode().unwrap()).unwrap();
            assert_eq!(read, full(None, tail, offset));
        }
        position.set(mark(u64::MAX, 0));
        assert_eq!(position.encode().unwrap_err().code, "too-many-files");
    }

    #[test]
    fn positions_of_the_versions_before_are_read() {
        let first = FileMark { place: None, format: None, ..mark(1, 300) };
        let second = FileMark { changed: Some(7), ..mark(1, 300) };
        for (version, mark) in [(1, first), (2, second)] {
            let mut position = Position::default();
            position.set(mark);
            let mut bytes = position.encode().unwrap();
            bytes[0] = version;
            assert_eq!(Position::decode(&bytes).unwrap(), position);
        }
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

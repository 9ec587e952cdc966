//! Bytes of a file, hashed: the first ones tell it from another that got its identity, the last ones that
//! were read from one that was written over.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use cartridge_warp_sdk::naming::fnv1a;

/// How many bytes are looked at.
pub const FINGERPRINT_BYTES: usize = 4096;
/// Of what was read, the last bytes that are looked at.
const TAIL_BYTES: u64 = 4096;

/// A hash of the first `length` bytes. It grows with the file until it covers
/// [`FINGERPRINT_BYTES`], so that a file that was short when first seen can still be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fingerprint {
    /// Bytes covered.
    pub length: u16,
    /// Their hash.
    pub hash: u32,
}

impl Fingerprint {
    /// The fingerprint over at most `length` bytes.
    pub fn of(file: &mut File, length: usize) -> Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut head = Vec::with_capacity(length.min(FINGERPRINT_BYTES));
        file.take(length.min(FINGERPRINT_BYTES) as u64).read_to_end(&mut head)?;
        Ok(Self::of_bytes(&head))
    }

    fn of_bytes(head: &[u8]) -> Self {
        Self { length: u16::try_from(head.len()).unwrap_or(u16::MAX), hash: short_hash(head) }
    }
}

/// A hash of the last [`TAIL_BYTES`] before `end`, or of as many as there are.
pub fn tail(file: &mut File, end: u64) -> Result<u32> {
    let start = end.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(end - start).read_to_end(&mut tail)?;
    Ok(short_hash(&tail))
}

fn short_hash(bytes: &[u8]) -> u32 {
    let hash = fnv1a(bytes);
    (hash ^ hash >> 32) as u32
}

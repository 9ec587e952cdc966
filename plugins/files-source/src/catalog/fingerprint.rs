//! The first bytes of a file, hashed: tells a file from another that got its identity.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

use cartridge_warp_sdk::naming::fnv1a;

/// How many bytes are looked at.
pub const FINGERPRINT_BYTES: usize = 1024;

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
        let hash = fnv1a(head);
        Self {
            length: u16::try_from(head.len()).unwrap_or(u16::MAX),
            hash: (hash ^ hash >> 32) as u32,
        }
    }
}

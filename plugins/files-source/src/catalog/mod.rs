//! Which files there are, which table each belongs to, and which file is which after a rename.

mod fingerprint;
mod identity;
mod listing;
mod name;

pub use fingerprint::{FINGERPRINT_BYTES, Fingerprint};
pub use identity::Identities;
pub use listing::{Catalog, FileEntry, table_hash};
pub use name::{FileName, Format};

/// FNV-1a: names files in positions, guards nothing.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

//! Which files there are, which table each belongs to, and which file is which after a rename.

mod fingerprint;
mod identity;
mod listing;
mod name;
mod passed_over;

pub use fingerprint::{FINGERPRINT_BYTES, Fingerprint};
pub use identity::Identities;
pub use listing::{Catalog, FileEntry, Place, table_hash};
pub use name::{FileName, Format};

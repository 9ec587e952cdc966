//! A granted directory or file.

use std::path::PathBuf;

use super::Siblings;

/// What a granted path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// All that is in it.
    Directory,
    /// One file, with those beside it whose names begin with its own.
    File(Siblings),
}

/// A directory or a file that the guest will see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGrant {
    /// The configuration key it came from: `connection_string`, `options.KEY` or `grants`.
    pub key: String,
    /// The text the operator wrote.
    pub configured: String,
    /// The directory or the file on this machine, absolute.
    pub host_path: PathBuf,
    pub kind: PathKind,
    /// A writable directory is made when it is missing.
    pub writable: bool,
}

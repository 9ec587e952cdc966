//! What a connection may reach, and how the configuration says so (I10).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::ConnectorInfo;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    Directory,
    /// A file; its directory is granted, since databases keep journals beside their files.
    File,
}

/// One directory that the guest will see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryGrant {
    /// The configuration key it came from: `connection_string`, `options.KEY` or `grants`.
    pub key: String,
    /// The text the operator wrote.
    pub configured: String,
    /// The directory or the file on this machine.
    pub host_path: PathBuf,
    pub kind: PathKind,
    pub writable: bool,
}

/// Everything a connection may reach. Nothing by default.
#[derive(Clone, Default)]
pub struct Grants {
    pub directories: Vec<DirectoryGrant>,
    pub secrets: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
}

/// Why wanted grants can't be derived from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("`{name}` wants a {kind} from `{key}`, which is not set")]
    Missing { name: String, kind: &'static str, key: String },
}

pub fn derive_grants(
    info: &ConnectorInfo,
    connection_string: &str,
    options: &serde_json::Value,
    base_dir: &Path,
) -> Result<Vec<DirectoryGrant>, GrantError> {
    let _ = (info, connection_string, options, base_dir);
    Ok(Vec::new())
}

//! Connection strings that stand in a file of their own.
//!
//! The file is read when it is needed, not when the configuration is loaded: a secret that was
//! renewed holds from the next connection on.

use std::io::Read;
use std::path::Path;

use super::{ConnectionString, DestinationConfig, SourceConfig};
use crate::model::{open_regular, path_form::is_plain_path, redaction};

/// Far longer than any connection string.
const FILE_SIZE_MAX: u64 = 64 << 10;

/// Why there is no connection string.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// Neither key is set; [`WarpConfig`](super::WarpConfig) never comes without.
    #[error("has no connection string")]
    Missing,
    /// The file can't be read.
    #[error("can't be read: {0}")]
    File(std::io::Error),
    /// The file holds nothing, or far too much.
    #[error("names a file of {0} bytes, which is no connection string")]
    Size(usize),
    /// The disk does not answer.
    #[error("can't be read in time")]
    Late,
}

pub(super) fn read_connection_file(path: &Path) -> Result<ConnectionString, Unread> {
    let mut text = String::new();
    let file = open_regular(path).map_err(Unread::File)?;
    file.take(FILE_SIZE_MAX + 1).read_to_string(&mut text).map_err(Unread::File)?;
    let trimmed = text.trim();
    if trimmed.is_empty() || text.len() as u64 > FILE_SIZE_MAX {
        return Err(Unread::Size(text.len()));
    }
    Ok(ConnectionString::new(trimmed))
}

/// The connection string, from its text or its file.
pub fn read_connection_string(
    text: Option<&ConnectionString>,
    file: Option<&Path>,
) -> Result<ConnectionString, Unread> {
    match (text, file) {
        (Some(text), _) => Ok(text.clone()),
        (None, Some(path)) => {
            let text = read_connection_file(path)?;
            // Somebody thought the whole of it a secret; a path is none.
            if !is_plain_path(text.expose()) {
                redaction::learn(text.expose());
            }
            redaction::learn_connection_string(text.expose());
            Ok(text)
        }
        (None, None) => Err(Unread::Missing),
    }
}

impl SourceConfig {
    /// The connection string, from its key or its file.
    pub fn read_connection_string(&self) -> Result<ConnectionString, Unread> {
        read_connection_string(
            self.connection_string.as_ref(),
            self.connection_string_file.as_deref(),
        )
    }
}

impl DestinationConfig {
    /// The connection string, from its key or its file.
    pub fn read_connection_string(&self) -> Result<ConnectionString, Unread> {
        read_connection_string(
            self.connection_string.as_ref(),
            self.connection_string_file.as_deref(),
        )
    }
}

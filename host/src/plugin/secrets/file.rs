//! Secrets in files.

use std::{
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;

use super::SecretError;
use crate::model::open_regular;

/// Largest secret.
pub(super) const VALUE_BYTES_MAX: usize = 64 * 1024;
/// How long a disk may take.
const READ_DEADLINE: Duration = Duration::from_secs(10);

/// The file's content without line ends behind it.
pub(super) fn read(path: &Path) -> Result<String, SecretError> {
    let refused = |reason: String| SecretError::File { path: path.to_owned(), reason };
    let unreadable = |error: std::io::Error| refused(format!("can't be read: {error}"));
    let file = open_regular(path).map_err(unreadable)?;
    let mut text = String::new();
    let limit = VALUE_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
    accept(text).map_err(refused)
}

/// The same, without waiting for ever.
pub(super) async fn read_bounded(path: PathBuf) -> Result<String, SecretError> {
    let late = SecretError::File {
        path: path.clone(),
        reason: format!("can't be read within {READ_DEADLINE:?}"),
    };
    let reading = tokio::task::spawn_blocking(move || read(&path));
    match timeout(READ_DEADLINE, reading).await {
        Ok(Ok(read)) => read,
        Ok(Err(_)) | Err(_) => Err(late),
    }
}

/// A text as a secret: neither empty nor too long, line ends behind it left out.
pub(super) fn accept(mut text: String) -> Result<String, String> {
    if text.len() > VALUE_BYTES_MAX {
        return Err(format!("has more than {VALUE_BYTES_MAX} bytes, which is no secret"));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() { Err("has nothing to say".to_owned()) } else { Ok(text) }
}

//! I/O errors as failures that say what to do.

use std::io::{Error, ErrorKind};

use cartridge_warp_sdk::Failure;

/// A failure for a path that could not be read; `shown` is the path as the operator knows it.
pub fn io(shown: &str, error: &Error) -> Failure {
    let detail = error.to_string();
    match error.kind() {
        ErrorKind::NotFound => Failure::config(
            "not-found",
            format!("{shown} does not exist; create it or correct the path"),
        ),
        ErrorKind::PermissionDenied => Failure::config(
            "permission-denied",
            format!("{shown} may not be read; give this process read permission on it"),
        ),
        ErrorKind::NotADirectory => Failure::config(
            "not-a-directory",
            format!("{shown} is not a directory; a schema is a directory of files"),
        ),
        _ => Failure::retry("read-failed", format!("{shown} could not be read")),
    }
    .detail(detail)
}

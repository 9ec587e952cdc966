//! I/O errors as failures that say what to do.

use std::io::{Error, ErrorKind};

use cartridge_warp_sdk::Failure;

/// A failure for a schema of which no row can be read; `fault` is its first row's.
pub fn unreadable(fault: &str) -> Failure {
    Failure::config(
        "no-readable-row",
        format!(
            "no file of the schema has a row that can be read; {fault}. Write its files again as \
             README.md of this connector describes them, or name their form under `options.csv`"
        ),
    )
}

/// A failure for a link that could not be followed.
pub fn link(shown: &str, error: &Error) -> Failure {
    Failure::config(
        "link-not-followed",
        format!(
            "{shown} is a link that leads out of the granted directory, or nowhere; put the file \
             itself there, or grant the directory that has it"
        ),
    )
    .detail(error.to_string())
}

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

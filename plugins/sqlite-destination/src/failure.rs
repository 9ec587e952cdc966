//! SQLite's errors as instructions to the runner.

use cartridge_warp_sdk::Failure;
use rusqlite::{Error, ErrorCode, ffi};

/// The code of a statement that SQLite will not run.
pub(crate) const REFUSED: &str = "sqlite";

/// What the runner should do about an error that no row is to blame for.
pub(crate) fn of(error: &Error) -> Failure {
    let Error::SqliteFailure(cause, _) = error else {
        return Failure::stop(REFUSED, "SQLite refused a statement").detail(error.to_string());
    };
    let failure = match cause.code {
        ErrorCode::DiskFull => disk_full(),
        ErrorCode::SystemIoFailure if is_write_error(cause.extended_code) => disk_full(),
        ErrorCode::SystemIoFailure => {
            Failure::retry("io-error", "the database file could not be read; check the disk")
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Failure::retry(
            "locked",
            "another writer is using the database file; the call is repeated until it is free",
        ),
        ErrorCode::DatabaseCorrupt => Failure::config(
            "corrupt",
            "the database file is damaged; restore it from a backup, or move it away and run with \
             --full-resync",
        ),
        ErrorCode::NotADatabase => Failure::config(
            "not-a-database",
            "the file is not an SQLite database; name another file in connection_string",
        ),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Failure::config(
            "read-only",
            "the database file may not be written to; check its and its directory's permissions",
        ),
        ErrorCode::CannotOpen => Failure::config(
            "cannot-open",
            "the database file cannot be opened; check that its directory exists and can be \
             written to",
        ),
        ErrorCode::OutOfMemory => Failure::reconnect(
            "out-of-memory",
            "SQLite ran out of memory; raise the connector's memory limit or lower \
             cache_mebibytes and the batch size",
        ),
        _ => Failure::stop(REFUSED, "SQLite refused a statement"),
    };
    failure.detail(error.to_string())
}

/// Whether one row is to blame, so that the others can be written without it.
pub(crate) fn blames_row(error: &Error) -> Option<&'static str> {
    match error.sqlite_error_code()? {
        ErrorCode::ConstraintViolation => Some("constraint"),
        ErrorCode::TypeMismatch => Some("type-conversion"),
        ErrorCode::TooBig => Some("too-big"),
        _ => None,
    }
}

/// Whether another row is in the way, which may be out of it later in the batch.
pub(crate) fn is_conflict(error: &Error) -> bool {
    let code = error.sqlite_error().map(|cause| cause.extended_code);
    matches!(
        code,
        Some(
            ffi::SQLITE_CONSTRAINT_UNIQUE
                | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | ffi::SQLITE_CONSTRAINT_ROWID
        )
    )
}

/// The words of SQLite for a rejected row. They name tables and columns, never values.
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

fn disk_full() -> Failure {
    Failure::retry(
        "disk-full",
        "the database file could not be written: the disk is full or failing; make room, the call \
         is repeated",
    )
}

/// A component sees a full disk as a failed write: WASI's streams do not say why.
fn is_write_error(extended_code: i32) -> bool {
    matches!(
        extended_code,
        ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_DIR_FSYNC
            | ffi::SQLITE_IOERR_TRUNCATE
    )
}

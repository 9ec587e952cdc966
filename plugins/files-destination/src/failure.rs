//! What the runner should do about an error of the file system.

use std::io::{Error, ErrorKind};
use std::path::Path;

use cartridge_warp_sdk::Failure;

/// WASI's number for a failed write: its streams do not say that the disk is full.
const WASI_EIO: i32 = 29;

/// For use with `map_err`.
pub(crate) fn of(path: &Path) -> impl FnOnce(Error) -> Failure {
    let path = path.display().to_string();
    move |error| {
        let blind = cfg!(target_family = "wasm") && error.raw_os_error() == Some(WASI_EIO);
        let failure = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => disk_full(&path),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Failure::config(
                "not-writable",
                format!("{path} may not be written to; check the permissions"),
            ),
            ErrorKind::Unsupported => Failure::config(
                "no-hard-links",
                format!("the file system of {path} has no hard links; use another one"),
            ),
            _ if blind => disk_full(&path),
            _ => Failure::retry("io-error", format!("{path} could not be read or written")),
        };
        failure.detail(error.to_string())
    }
}

/// A file of ours that cannot be what we wrote.
pub(crate) fn damaged(path: &Path, why: impl ToString) -> Failure {
    let path = path.display();
    Failure::stop(
        "damaged-manifest",
        format!("{path} is damaged; restore it, or move the directory away and start anew"),
    )
    .detail(why.to_string())
}

fn disk_full(path: &str) -> Failure {
    Failure::retry(
        "disk-full",
        format!("{path} could not be written: the disk is full or failing; make room"),
    )
}

//! The sandbox of one connection: granted directories, granted environment, clocks, random.
//!
//! No arguments, no stdin, and stdout and stderr go to the log (I10).

use std::collections::BTreeMap;

use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use super::{
    PathGrant, Places,
    bindings::source::cartridge::warp::types::GrantedPath,
    files::Files,
    output::{log::GuestLog, stdio::Lines},
    paths::{Place, hold::NotHeld},
};
use crate::model::{Action, Failure};

/// Random bytes at once.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;

/// A sandbox with the granted environment; files are `files`' business.
pub(super) fn granted(log: &GuestLog, environment: &BTreeMap<String, String>) -> WasiCtx {
    let mut builder = builder(log);
    for (name, value) in environment {
        builder.env(name, value);
    }
    builder.build()
}

/// Puts the granted paths below `/grants`, and says where the guest finds each.
pub(super) fn grant_paths(files: &mut Files, places: &Places) -> Result<Vec<GrantedPath>, Failure> {
    let grant = |(index, place): (usize, &Place)| {
        let PathGrant { key, configured, writable, .. } = &place.grant;
        let guest_path = files.grant(place, format!("/grants/{index}"));
        Ok(GrantedPath {
            key: key.clone(),
            configured: configured.clone(),
            guest_path: guest_path.map_err(|error| not_held(&place.grant, error))?,
            writable: *writable,
        })
    };
    places.get().iter().enumerate().map(grant).collect()
}

fn not_held(grant: &PathGrant, error: NotHeld) -> Failure {
    let path = grant.host_path.display();
    let failure = |action, code: &str, message| Failure {
        action,
        code: code.to_owned(),
        message,
        detail: None,
        retry_after: None,
        tables: Vec::new(),
    };
    let unfit = |why: &str| {
        let key = &grant.key;
        failure(Action::Config, "grant-unavailable", format!("{path} (`{key}`) {why}"))
    };
    match error {
        NotHeld::Io(error) => unfit(&format!("can't be opened: {error}")),
        NotHeld::Link => unfit("is a link; name the file that it leads to"),
        NotHeld::NoFile => unfit("is no regular file"),
        NotHeld::InUse => {
            let what = "is written by another cartridge-warp process; stop that one first";
            failure(Action::Retry, "in-use", format!("{path} {what}"))
        }
        NotHeld::Replaced => {
            let what = "was removed or replaced while connections of this process write it; put it \
                        back, or start again";
            failure(Action::Stop, "file-replaced", format!("{path} {what}"))
        }
    }
}

/// A sandbox that reaches nothing.
pub(super) fn builder(log: &GuestLog) -> WasiCtxBuilder {
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(Lines::stdout(log.clone()));
    builder.stderr(Lines::stderr(log.clone()));
    // A connection that works has a thread for itself, which may wait for the disk.
    builder.allow_blocking_current_thread(true);
    // What an import answers lies twice in memory for as long as the guest takes to make room for it.
    builder.max_random_size(RANDOM_BYTES_MAX);
    // wasmtime-wasi's own sockets are not linked either; see `network`.
    builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    builder
}

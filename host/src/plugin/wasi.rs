//! The sandbox of one connection: granted directories, granted environment, clocks, random.
//!
//! No arguments, no stdin, and stdout and stderr go to the log (I10).

use std::{path::Path, sync::Arc};

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use super::{
    DirectoryGrant, Grants, PathKind,
    bindings::source::cartridge::warp::types::GrantedPath,
    exclusive::{Hold, NotHeld, hold},
    imports::{log::GuestLog, stdio::Lines},
};
use crate::model::{Action, Failure};

/// A sandbox with what was granted.
pub(super) struct Sandbox {
    pub context: WasiCtx,
    /// Where the guest finds it.
    pub paths: Vec<GrantedPath>,
    /// Files that no other process may open as long as this lives.
    pub holds: Vec<Arc<Hold>>,
}

/// A writable directory that does not exist is made; a readable one must be there.
pub(super) fn granted(log: &GuestLog, grants: &Grants) -> Result<Sandbox, Failure> {
    let mut builder = builder(log);
    for (name, value) in &grants.environment {
        builder.env(name, value);
    }
    let mut paths = Vec::with_capacity(grants.directories.len());
    let mut holds = Vec::new();
    for (index, grant) in grants.directories.iter().enumerate() {
        let guest_directory = format!("/grants/{index}");
        let (directory, guest_path) = locate(grant, &guest_directory)?;
        if grant.writable {
            std::fs::create_dir_all(directory)
                .map_err(|error| unavailable(grant, &error.to_string()))?;
        }
        if grant.writable && grant.kind == PathKind::File {
            holds.push(hold(&grant.host_path).map_err(|error| not_held(grant, error))?);
        }
        let permissions = if grant.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        builder
            .preopened_dir(directory, &guest_directory, permissions)
            .map_err(|error| unavailable(grant, &format!("{error:#}")))?;
        paths.push(GrantedPath {
            key: grant.key.clone(),
            configured: grant.configured.clone(),
            guest_path,
            writable: grant.writable,
        });
    }
    Ok(Sandbox { context: builder.build(), paths, holds })
}

fn not_held(grant: &DirectoryGrant, error: NotHeld) -> Failure {
    match error {
        NotHeld::Io(error) => unavailable(grant, &error.to_string()),
        NotHeld::InUse => Failure {
            action: Action::Retry,
            code: "in-use".to_owned(),
            message: format!(
                "{} is written by another cartridge-warp process; stop that one first",
                grant.host_path.display()
            ),
            detail: None,
            retry_after: None,
        },
    }
}

/// A sandbox that reaches nothing.
pub(super) fn builder(log: &GuestLog) -> WasiCtxBuilder {
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(Lines::stdout(log.clone()));
    builder.stderr(Lines::stderr(log.clone()));
    // Every connection has a thread of its own, which may wait for the disk.
    builder.allow_blocking_current_thread(true);
    // wasmtime-wasi's own sockets are not linked either; see `network`.
    builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    builder
}

/// The directory to open and the path that the guest is told.
fn locate<'a>(
    grant: &'a DirectoryGrant,
    guest_directory: &str,
) -> Result<(&'a Path, String), Failure> {
    if grant.kind == PathKind::Directory {
        return Ok((&grant.host_path, guest_directory.to_owned()));
    }
    let name = grant.host_path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| unavailable(grant, "this names no file"))?;
    let parent = grant.host_path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(Path::new(".")), format!("{guest_directory}/{name}")))
}

fn unavailable(grant: &DirectoryGrant, why: &str) -> Failure {
    let DirectoryGrant { key, configured, host_path, .. } = grant;
    Failure {
        action: Action::Config,
        code: "grant-unavailable".to_owned(),
        message: format!("can't open {} for `{key}` (`{configured}`): {why}", host_path.display()),
        detail: None,
        retry_after: None,
    }
}

//! `wasi:filesystem` for a guest: what was granted, and of that only what the grant is.
//!
//! wasmtime-wasi does the work; this stands in front of it. A granted file is a directory that holds
//! that file and its siblings and nothing else ([`Rules`]). Whatever is opened is charged to the
//! connector's account for as long as it is open, streams included, and a limit of written bytes is
//! kept ([`Written`]). Pipes, devices and sockets are refused without being waited for, and no guest
//! makes symbolic links: a link is a way out for whoever follows it later (I7, I8, I10).

mod access;
mod counted;
mod directories;
mod listing;
mod opening;
mod streams;
mod view;

pub use counted::Written;
pub(super) use view::HasFiles;

use std::{collections::HashMap, sync::Arc};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{
    FsPerms, OpenMode,
    filesystem::{Dir, WasiFilesystemCtx},
};

use self::access::Rules;
use super::{
    Exhausted,
    ledger::{Account, Charge, Resource},
    limits::MESSAGE_BYTES_MAX,
    output::log::{GuestLog, Level},
    paths::{
        Place,
        hold::{Hold, NotHeld, hold},
    },
    text,
};

/// Files and directories of one instance.
pub(super) struct Files {
    context: WasiFilesystemCtx,
    roots: Vec<Root>,
    /// What is open, by the number the guest knows it by.
    open: HashMap<u32, Opened>,
    /// Files that stay this process's own as long as the instance lives.
    holds: Vec<Arc<Hold>>,
    account: Account,
    written: Option<Written>,
    log: GuestLog,
    last_reason: Option<String>,
}

/// A granted directory, or the one a granted file is in.
struct Root {
    directory: Dir,
    guest_path: String,
    rules: Rules,
}

/// Files of one instance, with the table its handles are in.
pub(super) struct FilesView<'a> {
    pub files: &'a mut Files,
    pub table: &'a mut ResourceTable,
}

#[derive(Clone)]
struct Opened {
    rules: Rules,
    /// Lives as long as anything that keeps the file open. Roots are the process's own, and open
    /// whether there are instances or not.
    charge: Option<Arc<Charge>>,
}

impl Files {
    /// No file at all.
    pub(super) fn new(account: Account, log: GuestLog) -> Self {
        Self {
            context: WasiFilesystemCtx::default(),
            roots: Vec::new(),
            open: HashMap::new(),
            holds: Vec::new(),
            account,
            written: None,
            log,
            last_reason: None,
        }
    }

    /// Counts from now on how far files grow.
    pub(super) fn limit_growth(&mut self, written: Option<Written>) {
        self.written = written;
    }

    /// Puts a granted path below `guest_path`. Gives the path of the directory or file in there.
    pub(super) fn grant(&mut self, place: &Place, guest_path: String) -> Result<String, NotHeld> {
        let (rules, path) = match &place.file {
            None => (Rules::Everything, guest_path.clone()),
            Some(name) => {
                let held = hold(&place.directory, name)?;
                let rules = Rules::file(name, &place.grant.kind, held.identity());
                self.holds.push(held);
                (rules, format!("{guest_path}/{name}"))
            }
        };
        let permissions = if place.grant.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        let handle = place.directory.try_clone().map_err(NotHeld::Io)?;
        let mut directory = Dir::new(handle, permissions, OpenMode::READ, true);
        // One descriptor for all instances.
        directory.dir = Arc::clone(&place.directory);
        self.roots.push(Root { directory, guest_path, rules });
        Ok(path)
    }

    /// Since when no other process has had the granted files open, in milliseconds since 1970.
    pub(super) fn exclusive_since_ms(&self) -> Option<u128> {
        self.holds.iter().map(|hold| hold.since_ms()).max()
    }

    /// Why the last thing failed that the guest only got an error code for.
    pub(super) fn take_last_reason(&mut self) -> Option<String> {
        self.last_reason.take()
    }

    /// Counts one more open file.
    fn charge(&mut self) -> Result<Arc<Charge>, Exhausted> {
        let charged = self.account.charge(Resource::Descriptors, 1);
        charged.map(Arc::new).inspect_err(|exhausted| self.refused(&exhausted.to_string()))
    }

    /// Tells the operator what the guest learns as an error code.
    fn refused(&mut self, why: &str) {
        self.log.host_line("refused files", Level::Warn, &format!("files: {why}"));
        self.last_reason = Some(text::one_line(why, MESSAGE_BYTES_MAX));
    }
}

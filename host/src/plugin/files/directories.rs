//! Opening and making things in directories, charged and within the rules.

use std::{fs::File, sync::Arc};

use wasmtime::component::Resource;
use wasmtime_wasi::{
    FsPerms,
    filesystem::{Descriptor, Dir, File as OpenFile},
    p2::{
        FsError, FsResult,
        bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
    },
};

use super::{
    FilesView, Opened,
    access::{Deed, Rules},
    counted::{NAME_BYTES, Turn, Written},
    opening::{Found, Refused, Wanted},
};
use crate::plugin::Exhausted;

/// A guest that is past its limit is ended: it could not go on anyway.
pub(super) fn past(reached: Exhausted) -> FsError {
    FsError::trap(wasmtime::Error::new(reached))
}

impl FilesView<'_> {
    /// An open directory of the guest's, and what it may do there.
    pub(super) fn directory(
        &self,
        descriptor: &Resource<Descriptor>,
    ) -> FsResult<(Arc<File>, FsPerms, Rules)> {
        match self.table.get(descriptor)? {
            Descriptor::Dir(Dir { dir, perms, .. }) => {
                Ok((Arc::clone(dir), *perms, self.rules(descriptor)))
            }
            Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }

    pub(super) fn file(&self, descriptor: &Resource<Descriptor>) -> FsResult<Arc<File>> {
        match self.table.get(descriptor)? {
            Descriptor::File(file) => Ok(Arc::clone(&file.file)),
            Descriptor::Dir(_) => Err(ErrorCode::IsDirectory.into()),
        }
    }

    fn rules(&self, descriptor: &Resource<Descriptor>) -> Rules {
        let opened = self.files.open.get(&descriptor.rep());
        opened.map_or(Rules::Nothing, |opened| opened.rules.clone())
    }

    /// Beside a granted file no link is followed.
    pub(super) fn follow(&self, descriptor: &Resource<Descriptor>, flags: PathFlags) -> PathFlags {
        match self.rules(descriptor).is_private() {
            true => PathFlags::empty(),
            false => flags,
        }
    }

    /// Whether the guest may do this in that directory.
    pub(super) fn check(
        &mut self,
        descriptor: &Resource<Descriptor>,
        path: &str,
        deed: Deed,
    ) -> FsResult<()> {
        let checked = self.rules(descriptor).check(path, deed);
        Ok(checked.inspect_err(|code| {
            if *code == ErrorCode::NotPermitted {
                let why =
                    "it may not make, remove or rename what is not a sibling of a granted file";
                self.files.refused(why);
            }
        })?)
    }

    pub(super) async fn open(
        &mut self,
        parent: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let (directory, permissions, rules) = self.directory(&parent)?;
        rules.check(&path, Deed::Use)?;
        let wanted = Wanted::new(path, path_flags, open_flags, flags)?;
        let charge = self.files.charge().map_err(|_| ErrorCode::Quota)?;
        let open = || wanted.open(&directory, permissions, &rules);
        let found = match counted(self.files.written.clone(), &wanted, &directory, open).await {
            Ok(found) => found,
            Err(Failed::Refused(Refused::Code(code))) => return Err(code.into()),
            Err(Failed::Refused(Refused::Kind)) => {
                let why = format!("`{}` is a pipe, a socket or a device", wanted.path);
                self.files.refused(&why);
                return Err(ErrorCode::NotPermitted.into());
            }
            Err(Failed::Past(reached)) => return Err(past(reached)),
        };
        let (descriptor, rules) = match found {
            Found::Directory(opened) => {
                let opened = Dir::new(opened, permissions, wanted.mode, true);
                (Descriptor::Dir(opened), rules.below(&wanted.path))
            }
            Found::File(opened) => {
                let opened = OpenFile::new(opened, permissions, wanted.mode, true);
                (Descriptor::File(opened), Rules::Nothing)
            }
        };
        let descriptor = self.table.push(descriptor)?;
        self.files.open.insert(descriptor.rep(), Opened { rules, charge: Some(charge) });
        Ok(descriptor)
    }
}

/// The turn for making a name, where names count and there is room for one.
pub(super) async fn turn_for_name(written: Option<&Written>) -> FsResult<Option<Turn<'_>>> {
    let Some(written) = written else { return Ok(None) };
    let turn = written.turn().await;
    turn.check(NAME_BYTES).map_err(past)?;
    Ok(Some(turn))
}

/// Opens, and counts what that makes or takes of the disk.
async fn counted(
    written: Option<Written>,
    wanted: &Wanted,
    directory: &File,
    open: impl FnOnce() -> Result<Found, Refused>,
) -> Result<Found, Failed> {
    let changes = wanted.creates || wanted.truncates;
    let Some(written) = written.filter(|_| changes) else { return open().map_err(Failed::Refused) };
    let turn = written.turn().await;
    let before = wanted.length(directory);
    let name = if before.is_none() && wanted.creates { NAME_BYTES } else { 0 };
    turn.check(name).map_err(Failed::Past)?;
    let found = open().map_err(Failed::Refused)?;
    turn.settle(0, name);
    if wanted.truncates {
        turn.settle(before.unwrap_or(0), 0);
    }
    Ok(found)
}

enum Failed {
    Refused(Refused),
    Past(Exhausted),
}

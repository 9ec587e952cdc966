//! Opening what lies in a granted directory.

use std::{fs::File, io, path::Path};

use cap_primitives::fs::{FollowSymlinks, Metadata, OpenOptions, OpenOptionsExt, open, stat};
use rustix::fs::OFlags;
use wasmtime_wasi::{
    FsPerms, OpenMode,
    p2::bindings::filesystem::types::{DescriptorFlags, ErrorCode, OpenFlags, PathFlags},
};

use super::access::Rules;
use crate::plugin::paths::Identity;

/// A file beside a granted one is its user's own.
const PRIVATE: u32 = 0o600;

/// What a guest wants opened.
pub(super) struct Wanted {
    pub path: String,
    pub creates: bool,
    pub exclusive: bool,
    pub truncates: bool,
    directory: bool,
    pub mode: OpenMode,
    follow: FollowSymlinks,
}

pub(super) enum Found {
    Directory(File),
    File(File),
}

/// Why nothing was opened.
pub(super) enum Refused {
    Code(ErrorCode),
    /// A pipe, a socket or a device.
    Kind,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Code(error.into())
    }
}

impl Wanted {
    pub(super) fn new(
        path: String,
        path_flags: PathFlags,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Self, ErrorCode> {
        let [creates, exclusive, truncates, directory] =
            [OpenFlags::CREATE, OpenFlags::EXCLUSIVE, OpenFlags::TRUNCATE, OpenFlags::DIRECTORY]
                .map(|flag| open_flags.contains(flag));
        let synced = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if flags.intersects(synced) {
            return Err(ErrorCode::Unsupported);
        }
        if directory && (creates || exclusive || truncates) {
            return Err(ErrorCode::Invalid);
        }
        let writes = flags.contains(DescriptorFlags::WRITE);
        let mut mode = OpenMode::empty();
        mode.set(OpenMode::WRITE, writes || creates || truncates);
        // Something has to be asked of the system; what the guest may do with it is checked later.
        mode.set(OpenMode::READ, flags.contains(DescriptorFlags::READ) || !writes);
        let follow = match path_flags.contains(PathFlags::SYMLINK_FOLLOW) {
            true => FollowSymlinks::Yes,
            false => FollowSymlinks::No,
        };
        Ok(Self { path, creates, exclusive, truncates, directory, mode, follow })
    }

    /// Opens it. What is no file or directory is refused, and never waited for: the one look before
    /// keeps devices from being touched, the flag keeps a pipe that comes in between from blocking.
    pub(super) fn open(
        &self,
        directory: &File,
        permissions: FsPerms,
        rules: &Rules,
    ) -> Result<Found, Refused> {
        if permissions.write_not_permitted() && self.mode.contains(OpenMode::WRITE) {
            return Err(Refused::Code(ErrorCode::NotPermitted));
        }
        let follow = if rules.is_private() { FollowSymlinks::No } else { self.follow };
        let path = Path::new(&self.path);
        let locked = rules.locked(&self.path);
        if stat(directory, path, follow).is_ok_and(|found| !is_usual(&found)) {
            return Err(Refused::Kind);
        }
        let mut options = OpenOptions::new();
        options
            .read(self.mode.contains(OpenMode::READ))
            .write(self.mode.contains(OpenMode::WRITE))
            .truncate(self.truncates && locked.is_none())
            // The granted file is there, or nothing may take its place.
            .create(self.creates && locked.is_none())
            .create_new(self.creates && self.exclusive)
            ._cap_fs_ext_follow(follow)
            .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
        if rules.is_private() {
            options.mode(PRIVATE);
        }
        let file = open(directory, path, &options)?;
        if let Some(locked) = locked {
            if Identity::of(&file)? != locked {
                return Err(Refused::Code(ErrorCode::NoEntry));
            }
            if self.truncates {
                file.set_len(0)?;
            }
        }
        let found = Metadata::from_file(&file)?;
        match (found.is_dir(), found.is_file()) {
            (true, _) => Ok(Found::Directory(file)),
            (_, true) if self.directory => Err(Refused::Code(ErrorCode::NotDirectory)),
            (_, true) => Ok(Found::File(file)),
            _ => Err(Refused::Kind),
        }
    }

    /// How long the file is that would be shortened or made: none where there is none.
    pub(super) fn length(&self, directory: &File) -> Option<u64> {
        stat(directory, Path::new(&self.path), self.follow).ok().map(|found| found.len())
    }
}

/// A link is opened as what it leads to, or refused by the system.
fn is_usual(found: &Metadata) -> bool {
    found.is_file() || found.is_dir() || found.is_symlink()
}

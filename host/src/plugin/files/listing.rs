//! The names in a directory, read as the guest asks for them, so that a large directory costs no more
//! than a small one.

use std::{fs::File, io, sync::Arc};

use rustix::fs::{AtFlags, Dir, FileType, statat};
use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorType, DirectoryEntry, ErrorCode};

use super::access::Rules;
use crate::plugin::ledger::Charge;

pub(super) struct Listing {
    names: Dir,
    rules: Rules,
    _charge: Arc<Charge>,
}

impl Listing {
    /// Opens the directory once more, which is what the charge is for.
    pub(super) fn new(directory: &File, rules: Rules, charge: Arc<Charge>) -> io::Result<Self> {
        Ok(Self { names: Dir::read_from(directory)?, rules, _charge: charge })
    }

    pub(super) fn next(&mut self) -> Result<Option<DirectoryEntry>, ErrorCode> {
        while let Some(entry) = self.names.next() {
            let entry = entry.map_err(|error| ErrorCode::from(io::Error::from(error)))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(shown) = name.to_str() else { return Err(ErrorCode::IllegalByteSequence) };
            if !self.rules.shows(shown) {
                continue;
            }
            let kind = match entry.file_type() {
                // Not every file system says it in the list.
                FileType::Unknown => {
                    let found = self
                        .names
                        .fd()
                        .and_then(|directory| statat(directory, name, AtFlags::SYMLINK_NOFOLLOW));
                    match found {
                        Ok(found) => FileType::from_raw_mode(found.st_mode),
                        Err(_) => continue,
                    }
                }
                known => known,
            };
            return Ok(Some(DirectoryEntry { type_: word(kind), name: shown.to_owned() }));
        }
        Ok(None)
    }
}

fn word(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}

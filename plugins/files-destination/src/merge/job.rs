//! One merge, from its first row to its commit.
//!
//! The new file has a temporary name until all rows are in it and on the disk, and counts once a
//! manifest names it in place of the old ones: a crash before that leaves these as they are.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use cartridge_warp_sdk::Failure;

use super::output::Output;
use crate::log::Log;
use crate::manifest::DataFile;
use crate::options::Options;
use crate::state::State;
use crate::{disk, failure};

/// A merge that is under way.
pub(super) struct Job {
    files: Vec<DataFile>,
    /// Which of them is being read.
    at: usize,
    output: Output,
    temporary: PathBuf,
}

impl Job {
    /// Begins to merge files, which are neighbours in one folder.
    pub(super) fn begin(log: &Log, files: &[DataFile], options: &Options) -> Result<Self, Failure> {
        let (first, last) = (&files[0], &files[files.len() - 1]);
        let path = log.directory().join(&first.path);
        let opened = File::open(&path).map_err(failure::of(&path))?;
        let temporary = disk::temporary(&log.directory().join(merged_path(log, last)));
        let written = File::create(&temporary).map_err(failure::of(&temporary))?;
        match Output::new(first, opened, written, options.compression) {
            Ok(output) => Ok(Self { files: files.to_vec(), at: 0, output, temporary }),
            Err(error) => {
                forget(&temporary);
                Err(failure::of(&path)(error))
            }
        }
    }

    /// Whether all of its files still count.
    pub(super) fn is_current(&self, state: &State) -> bool {
        let wanted: HashSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        let there = state.files.iter().filter(|file| wanted.contains(file.path.as_str())).count();
        there == wanted.len()
    }

    pub(super) fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Takes rows of about so many bytes of its files; how many it were, and whether these were the last.
    pub(super) fn advance(&mut self, log: &Log, bytes_max: u64) -> Result<(u64, bool), Failure> {
        let mut bytes = 0;
        while bytes < bytes_max {
            let file = &self.files[self.at];
            let path = log.directory().join(&file.path);
            if let Some(taken) = self.output.step(file).map_err(failure::of(&path))? {
                bytes += taken;
                continue;
            }
            let Some(next) = self.files.get(self.at + 1) else { return Ok((bytes, true)) };
            let path = log.directory().join(&next.path);
            let opened = File::open(&path).and_then(|opened| self.output.next(next, opened));
            opened.map_err(failure::of(&path))?;
            self.at += 1;
        }
        Ok((bytes, false))
    }

    /// Makes the new file whole and gives it its name; what to commit.
    pub(super) fn finish(self, log: &Log) -> Result<(DataFile, Vec<String>), Failure> {
        let last = &self.files[self.files.len() - 1];
        let path = merged_path(log, last);
        let named = log.directory().join(&path);
        let whole = self.output.finish().and_then(|file| {
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&self.temporary, &named)?;
            Ok(bytes)
        });
        let bytes = whole.map_err(|error| {
            forget(&self.temporary);
            failure::of(&named)(error)
        })?;
        named.parent().map_or(Ok(()), disk::sync_directory)?;
        let rows = self.files.iter().map(|file| file.rows).sum();
        let replaced = self.files.iter().map(|file| file.path.clone()).collect();
        Ok((DataFile { path, rows, bytes, ..last.clone() }, replaced))
    }

    /// Leaves nothing of it behind.
    pub(super) fn give_up(self) {
        forget(&self.temporary);
    }
}

/// Removes a file that nobody may read; one that stays is removed when the schema is claimed.
fn forget(temporary: &Path) {
    let _ = fs::remove_file(temporary);
}

/// The path of a merged file: that of its last one, which stays its place in the order of names, with the
/// number and the epoch of the commit that makes it count, so that none has it yet.
fn merged_path(log: &Log, last: &DataFile) -> String {
    let (folder, name) = last.folder_and_name();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.split_once("-m").map_or(stem, |(stem, _)| stem);
    let (number, epoch) = (log.state().number + 1, log.state().epoch);
    format!("{folder}/{stem}-m{number:012}-{epoch}.{}", last.format)
}

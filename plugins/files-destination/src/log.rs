//! One schema's manifest log on the disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use cartridge_warp_sdk::{Failure, fenced, log};

use crate::lists::{self, Folders};
use crate::manifest::Commit;
use crate::names::directory_name;
use crate::state::State;
use crate::{disk, failure, leftovers, manifest_file};

/// The directory of manifests and dead letters in each schema's directory.
pub(crate) const METADATA: &str = "_cartridge";
const MANIFEST: &str = "manifest-";
const CHECKPOINT: &str = "checkpoint-";
const ENDING: &str = ".json";

/// A schema's directory and what is committed in it.
pub(crate) struct Log {
    schema: String,
    directory: PathBuf,
    state: State,
    /// The number of the last checkpoint.
    checkpoint: u64,
}

impl Log {
    /// Reads what is committed; a directory that is not there holds nothing.
    pub(crate) fn read(root: &Path, schema: &str) -> Result<Self, Failure> {
        let mut log = Self {
            schema: schema.to_owned(),
            directory: root.join(directory_name(schema)),
            state: State::default(),
            checkpoint: 0,
        };
        log.reload()?;
        Ok(log)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The same with what others have committed since it was read.
    pub(crate) fn state_now(&mut self) -> Result<&State, Failure> {
        if self.newest()? > self.state.number {
            *self = self.reread()?;
        }
        Ok(&self.state)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn metadata(&self) -> PathBuf {
        self.directory.join(METADATA)
    }

    /// The next commit, which changes nothing yet.
    pub(crate) fn next(&self) -> Commit {
        self.state.next(now())
    }

    /// The number of the last checkpoint.
    pub(crate) fn checkpoint(&self) -> u64 {
        self.checkpoint
    }

    /// Removes files that were retired at least so many seconds ago; those that are gone, for the next
    /// commit to say so.
    pub(crate) fn remove_retired(&self, keep: u64) -> Vec<String> {
        leftovers::remove_retired(&self.directory, &self.state, keep, now())
    }

    /// I3: goes on only while `epoch` is the schema's.
    pub(crate) fn check_epoch(&self, epoch: u64) -> Result<(), Failure> {
        // Somebody else's next commit is seen before anything is written; the commit itself decides.
        let overtaken = self.path(MANIFEST, self.state.number + 1).exists();
        if epoch != 0 && self.state.epoch == epoch && !overtaken {
            return Ok(());
        }
        Err(fenced(&self.schema, epoch, self.reread()?.state.epoch))
    }

    /// Commits: the change becomes durable as a whole, or not at all.
    pub(crate) fn commit(&mut self, commit: Commit, every: u64) -> Result<(), Failure> {
        let metadata = self.metadata();
        let path = self.path(MANIFEST, commit.number);
        let bytes = manifest_file::encode(&commit).map_err(|e| failure::damaged(&path, e))?;
        // After a failure the last attempt's file may be there: ours, if it says the same but for the time.
        let is_ours = |found: Commit| Commit { at: commit.at, ..found } == commit;
        let created = disk::create(&path, &bytes)?;
        if !created && !is_ours(self.load(MANIFEST, commit.number)?) {
            return Err(fenced(&self.schema, commit.epoch, self.reread()?.state.epoch));
        }
        // The number may have been free only because others went on and tidied up behind them.
        if self.newest()? > commit.number {
            fs::remove_file(&path).map_err(failure::of(&path))?;
            return Err(fenced(&self.schema, commit.epoch, self.reread()?.state.epoch));
        }
        disk::sync_directory(&metadata)?;
        let listed = lists::touched(&self.state, &commit);
        self.state.apply(commit);
        self.publish(&listed)?;
        if self.state.number - self.checkpoint >= every {
            // The commit stands whatever becomes of this; the next one tries again.
            if let Err(failure) = self.fold() {
                log::warn("no checkpoint could be written", &[("code", &failure.code)]);
            }
        }
        Ok(())
    }

    /// Makes `owner` the only writer and removes what a crash left.
    pub(crate) fn claim(&mut self, owner: &str, every: u64) -> Result<u64, Failure> {
        disk::make_directory(&self.metadata())?;
        loop {
            self.reload()?;
            let mut commit = self.next();
            commit.epoch += 1;
            owner.clone_into(&mut commit.owner);
            match self.commit(commit, every) {
                // Somebody committed in between: look again.
                Err(failure) if failure.code == "fenced" => {}
                Err(failure) => return Err(failure),
                Ok(()) => break,
            }
        }
        self.publish(&lists::all(&self.state))?;
        leftovers::clean(&self.directory, METADATA, &self.state)?;
        Ok(self.state.epoch)
    }

    /// Writes lists of files. Whoever claimed the schema meanwhile has written newer ones, over which
    /// ours must not stand.
    fn publish(&self, folders: &Folders) -> Result<(), Failure> {
        let mut overtaken = None;
        while !folders.is_empty() {
            let log = overtaken.as_ref().unwrap_or(self);
            lists::write(&log.directory, &log.state, folders)?;
            if log.newest()? <= log.state.number {
                break;
            }
            overtaken = Some(self.reread()?);
        }
        Ok(())
    }

    fn reread(&self) -> Result<Self, Failure> {
        let (schema, directory) = (self.schema.clone(), self.directory.clone());
        let mut log = Self { schema, directory, state: State::default(), checkpoint: 0 };
        log.reload()?;
        Ok(log)
    }

    fn reload(&mut self) -> Result<(), Failure> {
        self.state = State::default();
        self.checkpoint = self.numbers(CHECKPOINT)?.into_iter().max().unwrap_or(0);
        if self.checkpoint > 0 {
            let checkpoint = self.load(CHECKPOINT, self.checkpoint)?;
            self.state.apply(checkpoint);
        }
        let mut numbers = self.numbers(MANIFEST)?;
        numbers.sort_unstable();
        for number in numbers.into_iter().filter(|number| *number > self.checkpoint) {
            if number != self.state.number + 1 {
                let path = self.path(MANIFEST, self.state.number + 1);
                return Err(failure::damaged(&path, "it is missing"));
            }
            let commit = self.load(MANIFEST, number)?;
            self.state.apply(commit);
        }
        Ok(())
    }

    fn load(&self, kind: &str, number: u64) -> Result<Commit, Failure> {
        let path = self.path(kind, number);
        let bytes = fs::read(&path).map_err(failure::of(&path))?;
        manifest_file::decode(&bytes).map_err(|why| failure::damaged(&path, why))
    }

    /// Writes a checkpoint. What the last one summed up goes; the log since then stays for readers
    /// that have just listed it.
    fn fold(&mut self) -> Result<(), Failure> {
        let path = self.path(CHECKPOINT, self.state.number);
        let bytes = manifest_file::encode(&self.state.checkpoint(now()))
            .map_err(|error| failure::damaged(&path, error))?;
        disk::write(&path, &bytes)?;
        disk::sync_directory(&self.metadata())?;
        let before = std::mem::replace(&mut self.checkpoint, self.state.number);
        for (kind, last) in [(MANIFEST, before), (CHECKPOINT, self.checkpoint - 1)] {
            for number in self.numbers(kind)?.into_iter().filter(|number| *number <= last) {
                // One that stays is harmless, and the next checkpoint tries again.
                let _ = fs::remove_file(self.path(kind, number));
            }
        }
        Ok(())
    }

    /// The number of the last commit on the disk.
    fn newest(&self) -> Result<u64, Failure> {
        let numbers = self.numbers(MANIFEST)?.into_iter().chain(self.numbers(CHECKPOINT)?);
        Ok(numbers.max().unwrap_or(0))
    }

    fn numbers(&self, kind: &str) -> Result<Vec<u64>, Failure> {
        let number = |name: &String| name.strip_prefix(kind)?.strip_suffix(ENDING)?.parse().ok();
        Ok(disk::names(&self.metadata())?.iter().filter_map(number).collect())
    }

    fn path(&self, kind: &str, number: u64) -> PathBuf {
        self.metadata().join(format!("{kind}{number:012}{ENDING}"))
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::DataFile;

    /// A commit of one file, of which only the name matters.
    fn commit_of(log: &Log, name: &str) -> Commit {
        let mut commit = log.next();
        let (path, format) = (format!("{METADATA}/{name}"), "ndjson".to_owned());
        commit.files = vec![DataFile { table: None, path, format, rows: 1, bytes: 1, kind: None }];
        commit
    }

    #[test]
    fn a_commit_that_is_made_again_is_the_same_and_another_is_fenced() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("shop")).unwrap();
        let mut log = Log::read(root.path(), "shop").unwrap();
        log.claim("one", 100).unwrap();
        let mut others = ["same", "other"].map(|_| Log::read(root.path(), "shop").unwrap());
        let commit = commit_of(&log, "part-a");
        log.commit(commit.clone(), 100).unwrap();
        let later = Commit { at: commit.at + 1, ..commit };
        others[0].commit(later, 100).unwrap();
        let failure = others[1].commit(commit_of(&others[1], "part-b"), 100).unwrap_err();
        assert_eq!(failure.code, "fenced");
    }

    #[test]
    fn what_others_have_committed_is_seen_and_fences() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("shop")).unwrap();
        let mut one = Log::read(root.path(), "shop").unwrap();
        let epoch = one.claim("one", 2).unwrap();
        let mut other = Log::read(root.path(), "shop").unwrap();
        other.claim("other", 2).unwrap();
        let mut commit = other.next();
        commit.markers = [("asked".to_owned(), Some("00".to_owned()))].into();
        // With a checkpoint, behind which what it sums up is removed.
        other.commit(commit, 2).unwrap();
        assert_eq!(one.state().markers.len(), 0);
        assert_eq!(one.state_now().unwrap().markers["asked"], "00");
        assert_eq!(one.check_epoch(epoch).unwrap_err().code, "fenced");
    }

    #[test]
    fn a_list_by_a_writer_that_was_overtaken_is_the_newer_one() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("shop")).unwrap();
        let mut old = Log::read(root.path(), "shop").unwrap();
        old.claim("old", 100).unwrap();
        old.commit(commit_of(&old, "part-a"), 100).unwrap();
        let mut new = Log::read(root.path(), "shop").unwrap();
        new.claim("new", 100).unwrap();
        new.commit(commit_of(&new, "part-b"), 100).unwrap();
        // As if it had been stopped between its commit and its list.
        old.publish(&lists::all(&old.state)).unwrap();
        let list = fs::read_to_string(new.metadata().join("_files.csv")).unwrap();
        assert_eq!(list, "file,rows,bytes\npart-a,1,1\npart-b,1,1\n");
    }
}

//! What is committed: all commits summed up.
//!
//! A file that others stand for by now, or whose table began anew, is retired: it counts no more, and
//! stays on the disk for readers that still know it, until a commit says that it was removed.

use std::collections::{BTreeMap, HashSet};

use crate::manifest::{Commit, DataFile, FORMATS, Retired, Shape};
use crate::partition;

/// The state after some commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) owner: String,
    pub(crate) markers: BTreeMap<String, String>,
    pub(crate) tables: BTreeMap<String, Shape>,
    pub(crate) files: Vec<DataFile>,
    pub(crate) retired: Vec<Retired>,
}

impl State {
    /// A commit after this state, made at this time, that changes nothing yet.
    pub(crate) fn next(&self, at: u64) -> Commit {
        Commit {
            format: *FORMATS.end(),
            number: self.number + 1,
            at,
            epoch: self.epoch,
            owner: self.owner.clone(),
            markers: BTreeMap::new(),
            tables: BTreeMap::new(),
            cleared: Vec::new(),
            files: Vec::new(),
            replaced: Vec::new(),
            removed: Vec::new(),
            retired: Vec::new(),
        }
    }

    /// Adds a commit.
    pub(crate) fn apply(&mut self, commit: Commit) {
        self.retire(&commit);
        (self.number, self.epoch, self.owner) = (commit.number, commit.epoch, commit.owner);
        change(&mut self.markers, commit.markers);
        change(&mut self.tables, commit.tables);
        self.files.extend(commit.files);
        self.retired.extend(commit.retired);
        let removed: HashSet<String> = commit.removed.into_iter().collect();
        self.retired.retain(|file| !removed.contains(&file.path));
    }

    /// Files that a commit ends.
    pub(crate) fn ended_by<'s>(&'s self, commit: &Commit) -> impl Iterator<Item = &'s DataFile> {
        let replaced: HashSet<&str> = commit.replaced.iter().map(String::as_str).collect();
        let is_ended = move |file: &&DataFile| {
            let is_cleared = |table| commit.cleared.contains(table);
            file.table.as_ref().is_some_and(is_cleared) || replaced.contains(file.path.as_str())
        };
        self.files.iter().filter(is_ended)
    }

    fn retire(&mut self, commit: &Commit) {
        if commit.cleared.is_empty() && commit.replaced.is_empty() {
            return;
        }
        let ended: Vec<DataFile> = self.ended_by(commit).cloned().collect();
        let gone: HashSet<&str> = ended.iter().map(|file| file.path.as_str()).collect();
        self.files.retain(|file| !gone.contains(file.path.as_str()));
        // What a table left in the folder that it had under another name is nobody's from then on.
        let is_own = |file: &&DataFile| match &file.table {
            Some(table) => self.tables.get(table).is_some_and(|shape| {
                shape.directory_of(table) == partition::table_folder(&file.path)
            }),
            None => true,
        };
        let retired = ended.iter().filter(is_own);
        self.retired.extend(retired.map(|file| Retired { path: file.path.clone(), at: commit.at }));
    }

    /// The whole state as one commit, made at this time.
    pub(crate) fn checkpoint(&self, at: u64) -> Commit {
        let markers = self.markers.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        let tables = self.tables.iter().map(|(name, shape)| (name.clone(), Some(shape.clone())));
        Commit {
            number: self.number,
            markers: markers.collect(),
            tables: tables.collect(),
            files: self.files.clone(),
            retired: self.retired.clone(),
            ..self.next(at)
        }
    }
}

fn change<V>(map: &mut BTreeMap<String, V>, changes: BTreeMap<String, Option<V>>) {
    for (name, value) in changes {
        match value {
            Some(value) => map.insert(name, value),
            None => map.remove(&name),
        };
    }
}

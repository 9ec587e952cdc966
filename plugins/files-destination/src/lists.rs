//! The list of a table's committed files, for readers that do not follow the manifest.
//!
//! `_files.csv` in a table's folder names each file with its path from there, in the order of their
//! names; another takes its place as a whole. Between a commit and its lists a reader finds those of
//! before, whose files stay for a while. A crash there leaves them so until the schema is claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cartridge_warp_sdk::Failure;

use crate::disk;
use crate::manifest::{Commit, DataFile};
use crate::partition::table_folder;
use crate::state::State;

/// The name of the list.
const LIST: &str = "_files.csv";

/// Folders of tables, relative to the schema's.
pub(crate) type Folders = BTreeSet<String>;

/// The tables' folders whose lists a commit after this state changes.
pub(crate) fn touched(state: &State, commit: &Commit) -> Folders {
    let files = commit.files.iter().chain(state.ended_by(commit));
    files.map(|file| table_folder(&file.path).to_owned()).collect()
}

/// All tables' folders that have or had a list.
pub(crate) fn all(state: &State) -> Folders {
    let files = state.files.iter().map(|file| table_folder(&file.path).to_owned());
    files.chain(state.tables.iter().map(|(table, shape)| shape.directory_of(table))).collect()
}

/// Writes the lists of these folders where they say something else.
pub(crate) fn write(schema: &Path, state: &State, folders: &Folders) -> Result<(), Failure> {
    let mut files: BTreeMap<&str, Vec<&DataFile>> =
        folders.iter().map(|folder| (folder.as_str(), Vec::new())).collect();
    for file in &state.files {
        if let Some(files) = files.get_mut(table_folder(&file.path)) {
            files.push(file);
        }
    }
    for (folder, files) in files {
        let directory = schema.join(folder);
        let path = directory.join(LIST);
        let before = fs::read(&path).ok();
        let bytes = text(folder, files).into_bytes();
        // A table that never had a file has no folder to list.
        let has_none = before.is_none() && !directory.is_dir();
        if !has_none && before.is_none_or(|before| before != bytes) {
            disk::write(&path, &bytes)?;
            disk::sync_directory(&directory)?;
        }
    }
    Ok(())
}

fn text(folder: &str, mut files: Vec<&DataFile>) -> String {
    files.sort_by_key(|file| file.folder_and_name().1);
    let mut text = "file,rows,bytes\n".to_owned();
    for file in files {
        // Folders and files have names of ours, without commas, quotes or line breaks.
        let path = file.path.strip_prefix(folder).map_or("", |path| path.trim_start_matches('/'));
        text.push_str(&format!("{path},{},{}\n", file.rows, file.bytes));
    }
    text
}

//! The repository's files, read once for each rule.

use std::{fs, path::Path};

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 5] = [".git", "target", "node_modules", ".venv", ".demo"];

/// One text file, its path relative to the root and with `/`.
#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Below this folder.
    pub fn is_in(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// A file of tests only: `tests.rs`, or anything below a folder `tests`.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.split('/').any(|part| part == "tests")
    }
}

/// All text files of the repository.
pub fn files() -> Vec<File> {
    let mut files = Vec::new();
    collect(root(), root(), &mut files);
    assert!(files.iter().any(|file| file.path == "host/src/lib.rs"), "the walk found no sources");
    files
}

/// The text of one file, empty when there is none.
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_symlink() || FOREIGN.contains(&name.to_str().unwrap()) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).unwrap().components();
            let parts: Vec<_> = relative.map(|part| part.as_os_str().to_str().unwrap()).collect();
            files.push(File { path: parts.join("/"), text });
        }
    }
}

//! What looks like data and is not read, so that nobody waits for it without a word.

use std::fs;
use std::path::Path;

use cartridge_warp_sdk::Failure;

use super::{Catalog, FileName};

/// So many levels of directories are looked through.
const DEPTH_MAX: usize = 8;

impl Catalog {
    /// Compressed files of a schema, directories in a table's directory that hold data files, and directories
    /// whose files a log of versions tells apart.
    pub fn passed_over(&self, schema: &str) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for (name, path) in self.entries(&self.root.join(schema), schema)? {
            let shown = format!("{schema}/{name}");
            if !path.is_dir() {
                found.extend(FileName::is_compressed(&name).then_some(shown));
            } else if !name.starts_with('.') {
                for (file, path) in self.entries(&path, &shown)? {
                    if FileName::is_of_versions(&file)
                        || FileName::is_compressed(&file)
                        || holds_data(&path, DEPTH_MAX)
                    {
                        found.push(format!("{shown}/{file}"));
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Whether there is a data file in a directory; none is in what is no directory, or cannot be read.
fn holds_data(path: &Path, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(path) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name().into_string().unwrap_or_default();
        FileName::parse(&name).is_some() || depth > 1 && holds_data(&entry.path(), depth - 1)
    })
}

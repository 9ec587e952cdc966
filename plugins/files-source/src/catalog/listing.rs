//! Lists a schema's files.
//!
//! A file of the schema's directory is a table of its own; a directory in it is a table whose files
//! are parts. Deeper directories, hidden files and unknown extensions are left alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cartridge_warp_sdk::Failure;

use super::name::ReadingOrder;
use super::{FileName, Format, Identities, fnv1a};
use crate::fault;

/// One data file as it stands now.
#[derive(Debug, Clone)]
pub struct FileEntry {
    /// The table that its place and name say.
    pub table: String,
    /// How it is written.
    pub format: Format,
    /// Where to open it.
    pub path: PathBuf,
    /// Its path within the root, for messages and origins.
    pub shown: String,
    /// What stays when it is renamed.
    pub identity: u64,
    /// When it was last written, as far as the file system says.
    pub modified: Option<std::time::SystemTime>,
    /// Its length when it was listed.
    pub size: u64,
    order: ReadingOrder,
}

impl FileEntry {
    /// The path's hash, for positions.
    pub fn path_hash(&self) -> u32 {
        let hash = fnv1a(self.shown.as_bytes());
        (hash ^ hash >> 32) as u32
    }

    /// The table's hash, for positions.
    pub fn table_hash(&self) -> u32 {
        table_hash(&self.table)
    }
}

/// The hash by which a position names a table.
pub fn table_hash(table: &str) -> u32 {
    let hash = fnv1a(table.as_bytes());
    (hash ^ hash >> 32) as u32
}

/// The root directory.
pub struct Catalog {
    root: PathBuf,
    configured: String,
    identities: Identities,
}

impl Catalog {
    /// A catalog of the directory that is open at `root` and called `configured` by the operator.
    pub fn new(root: impl Into<PathBuf>, configured: impl Into<String>) -> Self {
        let (root, configured) = (root.into(), configured.into());
        Self { root, configured, identities: Identities::default() }
    }

    /// Proves that the root can be listed.
    pub fn check(&self) -> Result<(), Failure> {
        fs::read_dir(&self.root).map(drop).map_err(|error| fault::io(&self.configured, &error))
    }

    /// All data files of a schema by table, in reading order.
    pub fn list(&mut self, schema: &str) -> Result<BTreeMap<String, Vec<FileEntry>>, Failure> {
        let plain = !schema.is_empty() && !schema.contains(['/', '\\']) && !schema.starts_with('.');
        if !plain {
            return Err(Failure::config(
                "invalid-schema-name",
                format!("schema {schema:?} is not the name of a directory in {}", self.configured),
            ));
        }
        let mut tables: BTreeMap<String, Vec<FileEntry>> = BTreeMap::new();
        for (name, path) in self.entries(&self.root.join(schema), schema)? {
            if path.is_dir() {
                if name.starts_with('.') {
                    continue;
                }
                let shown = format!("{schema}/{name}");
                for (file, path) in self.entries(&path, &shown)? {
                    if let Some(parsed) = FileName::parse(&file).filter(|_| path.is_file()) {
                        let shown = format!("{shown}/{file}");
                        self.add(&mut tables, name.clone(), &parsed, path, shown)?;
                    }
                }
            } else if let Some(parsed) = FileName::parse(&name) {
                let shown = format!("{schema}/{name}");
                self.add(&mut tables, parsed.stem.clone(), &parsed, path, shown)?;
            }
        }
        for files in tables.values_mut() {
            files.sort_by(|a, b| (&a.order, &a.shown).cmp(&(&b.order, &b.shown)));
        }
        Ok(tables)
    }

    fn entries(&self, path: &Path, shown: &str) -> Result<Vec<(String, PathBuf)>, Failure> {
        let failed = |error| fault::io(&format!("{}/{shown}", self.configured), &error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A name that is not UTF-8 can be no table's.
            if let Ok(name) = entry.file_name().into_string() {
                entries.push((name, entry.path()));
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn add(
        &mut self,
        tables: &mut BTreeMap<String, Vec<FileEntry>>,
        table: String,
        name: &FileName,
        path: PathBuf,
        shown: String,
    ) -> Result<(), Failure> {
        let seen = fs::metadata(&path).and_then(|found| Ok((found, self.identities.of(&path)?)));
        let (metadata, identity) = match seen {
            Ok(seen) => seen,
            // Renamed or deleted since the directory was read; the next listing tells.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(fault::io(&shown, &error)),
        };
        tables.entry(table.clone()).or_default().push(FileEntry {
            table,
            format: name.format,
            path,
            shown,
            identity,
            modified: metadata.modified().ok(),
            size: metadata.len(),
            order: name.order(),
        });
        Ok(())
    }
}

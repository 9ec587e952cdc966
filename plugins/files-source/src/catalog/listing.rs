//! Lists a schema's files.
//!
//! A file of the schema's directory is a table of its own; a directory in it is a table whose files
//! are parts. Deeper directories, hidden files and unknown extensions are left alone.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use cartridge_warp_sdk::Failure;
use cartridge_warp_sdk::naming::fnv1a;

use super::fingerprint::tail;
use super::name::ReadingOrder;
use super::{FileName, Format, Identities};
use crate::fault;
use crate::naming;

/// A file's place among the files of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The table's own file, which may still grow.
    Alone,
    /// One of several in the table's directory.
    Part,
    /// By its name a rotated file, or by its format one that never grows.
    Complete,
}

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
    /// Its place in its table.
    pub place: Place,
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

    /// When it was last changed, in seconds since 1970, for positions.
    pub fn changed(&self) -> Option<u32> {
        let since = self.modified?.duration_since(std::time::UNIX_EPOCH).ok()?;
        u32::try_from(since.as_secs()).ok()
    }

    /// What stands before the place up to which the file was read, hashed, for positions; none where
    /// nothing was read. Of a Parquet file it is the end, which tells of all that is in it.
    pub fn tail(&self, offset: u64) -> std::io::Result<Option<u32>> {
        let end = match self.format {
            Format::Parquet => self.size,
            _ if offset == 0 => return Ok(None),
            _ => offset,
        };
        tail(&mut fs::File::open(&self.path)?, end).map(Some)
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
    pub(super) root: PathBuf,
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
                let entries = self.entries(&path, &shown)?;
                if entries.iter().any(|(name, _)| FileName::is_of_versions(name)) {
                    continue;
                }
                for (file, path) in entries {
                    if let Some(parsed) = FileName::parse(&file).filter(|_| !path.is_dir()) {
                        let table = naming::column(&name).into_owned();
                        let found = Found { path, shown: format!("{shown}/{file}") };
                        self.add(&mut tables, table, Place::Part, &parsed, found)?;
                    }
                }
            } else if let Some(parsed) = FileName::parse(&name) {
                let table = naming::column(&parsed.stem).into_owned();
                let found = Found { path, shown: format!("{schema}/{name}") };
                self.add(&mut tables, table, Place::Alone, &parsed, found)?;
            }
        }
        for files in tables.values_mut() {
            files.sort_by(|a, b| (&a.order, &a.shown).cmp(&(&b.order, &b.shown)));
        }
        Ok(tables)
    }

    pub(super) fn entries(
        &self,
        path: &Path,
        shown: &str,
    ) -> Result<Vec<(String, PathBuf)>, Failure> {
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

    /// Files of a schema that have these identities, whatever they are called: the path, and how
    /// messages call it.
    pub fn find(
        &mut self,
        schema: &str,
        wanted: &HashSet<u64>,
    ) -> Result<Vec<(u64, Found)>, Failure> {
        let mut files = Vec::new();
        for (name, path) in self.entries(&self.root.join(schema), schema)? {
            let shown = format!("{schema}/{name}");
            if path.is_dir() {
                let within = self.entries(&path, &shown)?;
                files.extend(
                    within.into_iter().map(|(file, path)| (path, format!("{shown}/{file}"))),
                );
            } else {
                files.push((path, shown));
            }
        }
        let mut found = Vec::new();
        for (path, shown) in files {
            // Whatever cannot be looked at is none of those that were read.
            if let Ok(identity) = self.identities.of(&path)
                && wanted.contains(&identity)
            {
                found.push((identity, Found { path, shown }));
            }
        }
        Ok(found)
    }

    /// A file of a known table under a name that says nothing, as it stands now; none if it is gone.
    pub fn entry(
        &self,
        table: &str,
        format: Format,
        identity: u64,
        found: Found,
    ) -> Option<FileEntry> {
        let metadata = fs::metadata(&found.path).ok()?;
        let order = FileName { stem: table.to_owned(), format, rotation: "0".to_owned() }.order();
        Some(FileEntry {
            table: table.to_owned(),
            format,
            place: Place::Complete,
            path: found.path,
            shown: found.shown,
            identity,
            modified: metadata.modified().ok(),
            size: metadata.len(),
            order,
        })
    }

    fn add(
        &mut self,
        tables: &mut BTreeMap<String, Vec<FileEntry>>,
        table: String,
        place: Place,
        name: &FileName,
        found: Found,
    ) -> Result<(), Failure> {
        let Found { path, shown } = found;
        let seen = fs::metadata(&path).and_then(|found| Ok((found, self.identities.of(&path)?)));
        let (metadata, identity) = match seen {
            Ok(seen) => seen,
            // Renamed or deleted since the directory was read; the next listing tells.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_link(&path) => {
                return Ok(());
            }
            Err(error) if is_link(&path) => return Err(fault::link(&shown, &error)),
            Err(error) => return Err(fault::io(&shown, &error)),
        };
        // Pipes and the like hold no rows.
        if !metadata.is_file() {
            return Ok(());
        }
        let complete = !name.rotation.is_empty() || name.format == Format::Parquet;
        tables.entry(table.clone()).or_default().push(FileEntry {
            table,
            format: name.format,
            place: if complete { Place::Complete } else { place },
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

/// Where a file lies.
pub struct Found {
    /// Where to open it.
    pub path: PathBuf,
    /// How messages call it.
    pub shown: String,
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

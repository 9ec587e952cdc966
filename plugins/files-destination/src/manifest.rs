//! The manifest: what has been committed.
//!
//! A log of numbered files, one per commit, and a checkpoint that sums up those before it. Creating
//! number n+1 is the commit: it can be done once, so of two writers one wins and the other learns
//! that it is fenced (I2, I3). What no manifest names does not exist.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use cartridge_warp_sdk::Column;
use serde::{Deserialize, Serialize};

use crate::names::directory_name;

/// The versions of the manifest's form that are read. Before 2 nothing was ever replaced, so a program
/// that knows only 1 would take both the old files and the new one for rows.
pub(crate) const FORMATS: RangeInclusive<u32> = 1..=2;

/// A committed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataFile {
    /// The table's name in the source; none for dead letters.
    pub(crate) table: Option<String>,
    /// Relative to the schema's directory.
    pub(crate) path: String,
    pub(crate) format: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// What files have in common that can be merged; none where this one cannot be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
}

impl DataFile {
    /// The folder it lies in, and its name there: in the order of names, files are in that of commits.
    pub(crate) fn folder_and_name(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }
}

/// A file that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retired {
    /// Relative to the schema's directory.
    pub(crate) path: String,
    /// Since when, in seconds since 1970.
    pub(crate) at: u64,
}

/// A table's columns and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// Names and types.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) key: Vec<String>,
    /// Its directory, relative to the schema's; none: that of its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) directory: Option<String>,
}

impl Shape {
    pub(crate) fn of(columns: &[Column], key: &[String], directory: Option<String>) -> Self {
        let columns = columns.iter().map(|c| (c.name.clone(), c.column_type.to_string()));
        Self { columns: columns.collect(), key: key.to_vec(), directory }
    }

    /// The directory of the table, which has this name at the source.
    pub(crate) fn directory_of(&self, table: &str) -> String {
        self.directory.clone().unwrap_or_else(|| directory_name(table))
    }
}

/// What one commit changes. A checkpoint is the same with everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commit {
    pub(crate) format: u32,
    pub(crate) number: u64,
    /// When it was made, in seconds since 1970, by the clock of the runner.
    #[serde(default)]
    pub(crate) at: u64,
    pub(crate) epoch: u64,
    pub(crate) owner: String,
    /// Positions in hexadecimal; null deletes one.
    pub(crate) markers: BTreeMap<String, Option<String>>,
    /// Null removes a table.
    pub(crate) tables: BTreeMap<String, Option<Shape>>,
    /// Tables that begin anew: their files of earlier commits no longer count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cleared: Vec<String>,
    pub(crate) files: Vec<DataFile>,
    /// Paths of files whose rows are in `files` of this commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) replaced: Vec<String>,
    /// Paths of retired files that are gone from the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<String>,
    /// Of a checkpoint: files that were retired before and are still on the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) retired: Vec<Retired>,
}

/// Bytes as hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal as bytes.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

//! The manifest: what has been committed.
//!
//! A log of numbered files, one per commit, and a checkpoint that sums up those before it. Creating
//! number n+1 is the commit: it can be done once, so of two writers one wins and the other learns
//! that it is fenced (I2, I3). What no manifest names does not exist.

use std::collections::BTreeMap;

use cartridge_warp_sdk::Column;
use serde::{Deserialize, Serialize};

use crate::names::directory_name;

/// The version of the manifest's form.
const FORMAT: u32 = 1;

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
    format: u32,
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) owner: String,
    /// Positions in hexadecimal; null deletes one.
    pub(crate) markers: BTreeMap<String, Option<String>>,
    /// Null removes a table; its files stay.
    pub(crate) tables: BTreeMap<String, Option<Shape>>,
    /// Tables that begin anew: their files of earlier commits no longer count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cleared: Vec<String>,
    pub(crate) files: Vec<DataFile>,
}

/// All commits summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) owner: String,
    pub(crate) markers: BTreeMap<String, String>,
    pub(crate) tables: BTreeMap<String, Shape>,
    pub(crate) files: Vec<DataFile>,
}

impl State {
    /// A commit after this state that changes nothing yet.
    pub(crate) fn next(&self) -> Commit {
        Commit {
            format: FORMAT,
            number: self.number + 1,
            epoch: self.epoch,
            owner: self.owner.clone(),
            markers: BTreeMap::new(),
            tables: BTreeMap::new(),
            cleared: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Adds a commit.
    pub(crate) fn apply(&mut self, commit: Commit) {
        (self.number, self.epoch, self.owner) = (commit.number, commit.epoch, commit.owner);
        change(&mut self.markers, commit.markers);
        change(&mut self.tables, commit.tables);
        let is_cleared = |table: &String| commit.cleared.contains(table);
        self.files.retain(|file| !file.table.as_ref().is_some_and(is_cleared));
        self.files.extend(commit.files);
    }

    /// The whole state as one commit.
    pub(crate) fn checkpoint(&self) -> Commit {
        let markers = self.markers.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        let tables = self.tables.iter().map(|(name, shape)| (name.clone(), Some(shape.clone())));
        Commit {
            number: self.number,
            markers: markers.collect(),
            tables: tables.collect(),
            files: self.files.clone(),
            ..self.next()
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

/// Bytes as hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal as bytes.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

/// A commit as the bytes of its file, with a checksum in the last line.
pub(crate) fn encode(commit: &Commit) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(commit)?;
    let sum = checksum(&bytes);
    bytes.extend(format!("\n{{\"checksum\":\"{sum:016x}\"}}\n").bytes());
    Ok(bytes)
}

/// Reads a commit; the words say what is wrong with it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Commit, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let (body, rest) = text.split_once('\n').ok_or("it is cut off")?;
    let expected = format!("{{\"checksum\":\"{:016x}\"}}\n", checksum(body.as_bytes()));
    if rest != expected {
        return Err("the checksum disagrees".to_owned());
    }
    let commit: Commit = serde_json::from_str(body).map_err(|error| error.to_string())?;
    match commit.format {
        FORMAT => Ok(commit),
        other => Err(format!("it has the unknown format {other}")),
    }
}

/// FNV-1a: against cut and overwritten files, not against anybody's will.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

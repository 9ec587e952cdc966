//! What a `files` destination has committed.

use std::{fs, path::Path};

use serde_json::Value;

/// The rows of a table that is kept as NDJSON, in the order of its list of files: what lies beside these is not
/// committed, or was replaced.
///
/// # Panics
/// When the folder has no list, or a file is no NDJSON.
pub fn lake_rows(folder: &Path) -> Vec<Value> {
    let read = |file: &str| fs::read_to_string(folder.join(file)).expect("the lake reads");
    let list = read("_files.csv");
    let files = list.lines().skip(1).filter_map(|line| line.split(',').next());
    let texts: Vec<String> = files.map(read).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).expect("every line is a row")).collect()
}

//! The `files` destination as a lake: what other programs find in it, whatever happens to the runner.

#![allow(clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

mod killed;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

use crate::files::libraries::{packages, repository};

/// The columns' names and texts.
pub type Row = BTreeMap<String, Option<String>>;

/// What DuckDB finds of a table.
#[derive(Debug)]
pub struct Found {
    /// The table as it is now.
    pub rows: Vec<Row>,
    /// How many rows the log has.
    pub count: u64,
    /// Different values of the partition columns.
    pub partitions: Vec<Vec<String>>,
    files: Vec<String>,
}

impl Found {
    /// How many of the files are merged ones.
    pub fn merged(&self) -> usize {
        self.files.iter().filter(|file| file.contains("-m")).count()
    }
}

/// Keeps the tables of the pipeline in files, all of them as logs.
pub fn deliver_to_lake(pipeline: &mut Pipeline, options: &Value) {
    fs::create_dir_all(pipeline.path("lake")).expect("a directory");
    let lake = json!({"type": "files", "connection_string": "./lake", "options": options});
    pipeline.set("destination", lake);
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "*", "write_mode": "append", "full_load_batch_size": 4000}]),
    );
}

/// Merges early, and forgets early what was merged.
pub fn options(format: &str, keep_replaced_seconds: u64) -> Value {
    json!({
        "format": format, "partition_by": "hour", "target_file_bytes": 65_536,
        "checkpoint_commits": 10, "keep_replaced_seconds": keep_replaced_seconds,
    })
}

/// Reads a table (`schema/table`) by the statements of the connector's README.
pub fn read(pipeline: &Pipeline, table: &str, format: &str, key: &str) -> Found {
    let output = Command::new("python3")
        .env("PYTHONPATH", packages())
        .arg(repository().join("tests/product/lake/read.py"))
        .arg(repository().join("plugins/files-destination/README.md"))
        .arg(pipeline.path("lake").join(table))
        .args([format, key])
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{table}: {}", String::from_utf8_lossy(&output.stderr));
    let mut found: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    assert_eq!(found["count"], found["distinct"], "{table}: a number is there twice");
    let mut part = |name: &str| found[name].take();
    Found {
        rows: serde_json::from_value(part("rows")).expect("rows of text"),
        count: serde_json::from_value(part("count")).expect("a number"),
        partitions: serde_json::from_value(part("partitions")).expect("lists of text"),
        files: serde_json::from_value(part("files")).expect("names"),
    }
}

//! Files that pyarrow, polars, duckdb and pandas write arrive value by value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use cartridge_warp_tests::{Pipeline, rows::sqlite_query};
use serde_json::{Value, json};

use super::letters;

/// Fewer than these would be a mistake of the script.
const FILES_MIN: usize = 200;

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of the libraries; fetched where it is missing.
pub fn packages() -> String {
    python_packages("file-libraries")
}

/// The folder of what `scripts/NAME.txt` pins; fetched where it is missing.
pub fn python_packages(name: &str) -> String {
    let script = repository().join("scripts/python-packages.sh");
    let output = Command::new(script).arg(name).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Has the libraries write their files; what each table must hold.
fn write(pipeline: &Pipeline) -> BTreeMap<String, Vec<Value>> {
    let directory = pipeline.path("data/shop");
    let output = Command::new("python3")
        .env("PYTHONPATH", packages())
        .arg(repository().join("tests/product/files/libraries/write.py"))
        .arg(&directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected = std::fs::read(pipeline.path("data/expected.json")).unwrap();
    serde_json::from_slice(&expected).unwrap()
}

#[test]
fn files_of_other_libraries_arrive_value_by_value() {
    let pipeline = Pipeline::new();
    let expected = write(&pipeline);
    assert!(expected.len() >= FILES_MIN, "{}", expected.len());
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);

    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for letter in letters(&pipeline) {
        assert_eq!(letter["error_code"], json!("type-conversion"), "{letter:?}");
        *refused.entry(letter["table_name"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for (table, values) in &expected {
        let is_refused = |value: &Value| *value == json!({"refused": true});
        let wanted: Vec<(usize, &Value)> =
            values.iter().enumerate().filter(|(_, value)| !is_refused(value)).collect();
        let rows =
            sqlite_query(&pipeline.database(), &format!("SELECT id, v FROM {table} ORDER BY id"));
        let found: Vec<(usize, &Value)> =
            rows.iter().map(|row| (row["id"].as_u64().unwrap() as usize, &row["v"])).collect();
        let letters = refused.get(table).copied().unwrap_or(0);
        if found != wanted || letters + wanted.len() != values.len() {
            wrong.push(format!("{table}: {found:?}, {letters} refused, instead of {values:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

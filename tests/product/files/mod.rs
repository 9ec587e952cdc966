//! The `files` source through its component in the real binary: values of all formats, rows that
//! cannot be read, order, and files that come, go and grow between runs.

mod between;
mod empty_columns;
pub mod libraries;
mod life;
mod mixed;
mod names;
mod order;
mod overwritten;
mod parquet;
mod text;

use cartridge_warp_tests::{
    Ended, Pipeline,
    rows::{Row, sqlite_query},
};
use serde_json::{Value, json};

/// A pipeline whose sample is one row, so that all others lie behind it.
fn small_sample() -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.set("source.options", json!({"sample_rows": 1}));
    pipeline
}

/// The rows of table `t` in the order in which they came.
fn rows(pipeline: &Pipeline) -> Value {
    let rows = sqlite_query(&pipeline.database(), "SELECT * FROM t ORDER BY rowid");
    Value::from_iter(rows.into_iter().map(Value::from_iter))
}

/// All dead letters, in order.
fn letters(pipeline: &Pipeline) -> Vec<Row> {
    let table = "cartridge_warp_metadata_dead_letter_queue";
    let exists = format!("SELECT name FROM sqlite_schema WHERE name = '{table}'");
    if sqlite_query(&pipeline.database(), &exists).is_empty() {
        return Vec::new();
    }
    sqlite_query(&pipeline.database(), &format!("SELECT * FROM {table} ORDER BY 1"))
}

/// The places of all dead letters.
fn origins(pipeline: &Pipeline) -> Vec<String> {
    letters(pipeline).iter().map(|row| row["origin"].as_str().unwrap().to_owned()).collect()
}

/// Fails unless the run ended as a run with so many dead letters does.
fn assert_ended(case: &str, ended: &Ended, letters: usize) {
    let code = if letters == 0 { 0 } else { 4 };
    assert_eq!(ended.status.code(), Some(code), "{case}: {}", ended.stderr);
}

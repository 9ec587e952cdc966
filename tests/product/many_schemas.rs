//! Many schemas in one process: they take turns where they write the same file, and when they start.

use std::{collections::BTreeMap, fs};

use cartridge_warp_tests::{Ended, Pipeline, rows::sqlite_query};
use serde_json::{Value, json};

const MANY: usize = 100;

fn name(n: usize) -> String {
    format!("s{n:03}")
}

/// So many schemas, each with so many rows that tell where they come from, a hundred in a commit.
fn pipeline(count: usize, rows: u64) -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", Value::Null);
    pipeline.set("destination.options", json!({"schema_prefix": true}));
    let tables = json!([{"name": "orders", "write_batch_size": 100}]);
    let schema = |n| json!({"name": name(n), "default_batch_size": 100, "tables": tables});
    pipeline.set("schemas", (0..count).map(schema).collect());
    for n in 0..count {
        let directory = pipeline.path(&format!("data/{}", name(n)));
        fs::create_dir_all(&directory).unwrap();
        let rows = (1..=rows).map(|id| format!("{{\"id\":{id},\"of\":{n}}}\n"));
        fs::write(directory.join("orders.ndjson"), rows.collect::<String>()).unwrap();
    }
    pipeline
}

fn all_arrived(pipeline: &Pipeline, count: usize, expected: u64) {
    for n in 0..count {
        let sql = format!("SELECT id, \"of\" FROM \"{}_orders\" ORDER BY id", name(n));
        let rows = sqlite_query(&pipeline.database(), &sql);
        let row = |id: u64| BTreeMap::from([("id".into(), json!(id)), ("of".into(), json!(n))]);
        assert_eq!(rows, (1..=expected).map(row).collect::<Vec<_>>(), "{}", name(n));
    }
}

/// The schemas of the log's lines with this message, in their order.
fn lines(ended: &Ended, message: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in ended.stderr.lines().enumerate() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        if line["message"] == message {
            found.push((at, line["schema"].as_str().unwrap_or_default().to_owned()));
        }
    }
    found
}

#[test]
fn a_hundred_write_one_file_and_none_has_to_try_again() {
    let pipeline = pipeline(MANY, 3);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(lines(&ended, "trying again"), [], "{}", ended.stderr);
    all_arrived(&pipeline, MANY, 3);
}

/// How many copies began while another schema was copied, all schemas added up.
fn begun_beside(pipeline: &Pipeline, count: usize) -> usize {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let (begun, over) = (lines(&ended, "copying"), lines(&ended, "following changes"));
    assert_eq!(over.len(), count, "{}", ended.stderr);
    let beside = |(end, schema): &(usize, String)| {
        let start = begun.iter().find(|(_, other)| other == schema).unwrap().0;
        begun.iter().filter(|(at, _)| (start + 1..*end).contains(at)).count()
    };
    over.iter().map(beside).sum()
}

#[test]
fn no_more_start_at_once_than_may() {
    let (count, rows) = (6, 1000);
    let mut pipeline = pipeline(count, rows);
    // However fast the machine is, a copy takes longer than another schema needs to begin.
    for n in 0..count {
        pipeline.set(&format!("schemas.{n}.limits"), json!({"rows_per_second": 500}));
    }
    pipeline.set("limits", json!({"starts": 1}));
    let one_by_one = begun_beside(&pipeline, count);
    all_arrived(&pipeline, count, rows);
    fs::remove_file(pipeline.database()).unwrap();
    pipeline.set("limits", json!({"starts": count}));
    let at_once = begun_beside(&pipeline, count);
    // Not none: on a machine without a free core, a start may take longer than it counts.
    assert!(one_by_one * 4 < at_once, "{one_by_one} beside others, and {at_once} all at once");
}

//! PostgreSQL logged to Parquet files, which pyarrow and duckdb read back.

use std::fs;
use std::process::Command;

use cartridge_warp_tests::{Databases, Pipeline};
use serde_json::{Value, json};

use crate::files::libraries::{packages, repository};

const UUID: &str = "1f1f1f1f-0000-1f1f-1f1f-1f1f1f1f1f1f";

fn lake(databases: &Databases) -> Pipeline {
    let mut pipeline = databases.pipeline();
    fs::create_dir(pipeline.path("lake")).unwrap();
    let options = json!({"format": "parquet"});
    let lake = json!({"type": "files", "connection_string": "./lake", "options": options});
    pipeline.set("destination", lake);
    pipeline
}

fn read(pipeline: &Pipeline, table: &str) -> Value {
    let output = Command::new("python3")
        .env("PYTHONPATH", packages())
        .arg(repository().join("tests/product/lake/types.py"))
        .arg(pipeline.path("lake/public").join(table))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_log_of_postgresql_in_parquet_is_read_by_others_as_what_it_is() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE t (id uuid PRIMARY KEY, doc jsonb, n numeric(10,2), at timestamptz, day date, \
         note text, raw bytea, ok boolean, big bigint, x double precision)",
    );
    let insert = |id: &str, n: &str| {
        databases.at_source(&format!(
            "INSERT INTO t VALUES ('{id}', '{{\"a\": [1, null]}}', {n}, '2024-05-01 10:00:00.123456Z', \
             '2024-05-01', 'Zoë', '\\x00ff', true, 9007199254740993, 0.1)"
        ));
    };
    insert(UUID, "1.50");
    insert("00000000-0000-0000-0000-000000000002", "2");
    let mut pipeline = lake(&databases);
    pipeline.set("schemas.0.tables", json!([{"name": "t", "write_mode": "append"}]));
    let first = pipeline.catch_up();
    assert!(first.status.success(), "{}", first.stderr);
    databases.at_source("UPDATE t SET n = 7.25 WHERE n = 1.5");
    databases.at_source("DELETE FROM t WHERE n = 2");
    insert("00000000-0000-0000-0000-000000000003", "3");
    let second = pipeline.catch_up();
    assert!(second.status.success(), "{}", second.stderr);

    let read = read(&pipeline, "t");
    for (column, pyarrow, duckdb) in [
        ("id", "UUID", "UUID"),
        ("doc", "JSON", "JSON"),
        ("n", "Decimal(precision=10, scale=2)", "DECIMAL(10,2)"),
        ("day", "Date", "DATE"),
        ("note", "String", "VARCHAR"),
        ("raw", "None", "BLOB"),
        ("ok", "None", "BOOLEAN"),
        ("big", "None", "BIGINT"),
        ("x", "None", "DOUBLE"),
    ] {
        assert_eq!(read["logical"][column], pyarrow, "{column}");
        assert_eq!(read["types"][column], duckdb, "{column}");
    }
    assert_eq!(read["types"]["at"], "TIMESTAMP WITH TIME ZONE");
    let row = |n: &str| {
        json!({
            "doc": "{\"a\": [1, null]}", "n": n, "at": "2024-05-01 10:00:00.123456+00",
            "day": "2024-05-01", "note": "Zoë", "raw": "\\x00\\xFF", "ok": "true",
            "big": "9007199254740993", "x": "0.1",
        })
    };
    let mut wanted = serde_json::Map::new();
    for (id, n) in [(UUID, "7.25"), ("00000000-0000-0000-0000-000000000003", "3.00")] {
        let mut row = row(n);
        row["id"] = json!(id);
        wanted.insert(id.to_owned(), row);
    }
    assert_eq!(read["rows"], Value::Object(wanted));
    assert_eq!(read["operations"], json!(["snapshot", "snapshot", "update", "delete", "insert"]));
}

#[test]
fn a_table_that_would_be_kept_up_to_date_in_files_is_refused_before_anything_is_written() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE t (id int PRIMARY KEY)");
    databases.at_source("INSERT INTO t VALUES (1)");
    let pipeline = lake(&databases);
    let refused = pipeline.catch_up();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("write_mode: append"), "{}", refused.stderr);
    assert!(!pipeline.path("lake/public/t").exists(), "{}", refused.stderr);
}

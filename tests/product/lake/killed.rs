//! From PostgreSQL to files nothing is lost or doubled, while small files are merged.

use std::thread::sleep;
use std::time::Duration;

use cartridge_warp_tests::{Databases, Pipeline};
use fastrand::Rng;
use serde_json::json;

use super::{Row, deliver_to_lake, options, read};

/// Kills before the snapshot is complete, and after, in each format.
const KILLS_IN_SNAPSHOT: usize = 4;
const KILLS_IN_STREAM: usize = 8;
/// Tables, keys and columns whose text is the same to both.
const TABLES: [(&str, &str, &[&str]); 4] = [
    ("pgbench_accounts", "aid", &["aid", "bid", "abalance"]),
    ("pgbench_branches", "bid", &["bid", "bbalance"]),
    ("pgbench_tellers", "tid", &["tid", "bid", "tbalance"]),
    ("pgbench_history", "id", &["id", "tid", "bid", "aid", "delta"]),
];

/// Fails unless the lake holds what the source does; how many of its files are merged ones.
fn assert_equal(databases: &Databases, pipeline: &Pipeline, format: &str) -> usize {
    let mut merged = 0;
    for (table, key, columns) in TABLES {
        let texts: Vec<String> = columns.iter().map(|name| format!("{name}::text")).collect();
        let texts = texts.join(", ");
        let rows = format!("SELECT row_to_json(t) FROM (SELECT {texts} FROM {table}) t");
        let rows = databases.at_source(&rows);
        let mut wanted: Vec<Row> =
            rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        let found = read(pipeline, &format!("public/{table}"), format, key);
        merged += found.merged();
        let mut rows = found.rows;
        for row in &mut rows {
            row.retain(|name, _| columns.contains(&name.as_str()));
        }
        wanted.sort();
        rows.sort();
        assert!(rows == wanted, "{format}: {table} differs: {} and {}", rows.len(), wanted.len());
        // The rows of the copy have no time, the changes have theirs.
        let nowhere = vec!["None".to_owned(), "None".to_owned()];
        assert!(found.partitions.contains(&nowhere), "{table}: {:?}", found.partitions);
        assert!(found.partitions.iter().any(|it| it[0].starts_with("20")), "{table}");
    }
    merged
}

fn torment(format: &str, random: &mut Rng) {
    let databases = Databases::start();
    databases.initialise_pgbench(1);
    let mut pipeline = databases.pipeline();
    deliver_to_lake(&mut pipeline, &options(format, 1));
    pipeline.set("schemas.0.default_batch_size", json!(500));
    let workload = databases.pgbench(200);
    for kill in 0..KILLS_IN_SNAPSHOT + KILLS_IN_STREAM {
        let mut running = pipeline.start();
        let (until, life) = match kill < KILLS_IN_SNAPSHOT {
            true => ("serving metrics", random.u64(100..1500)),
            false => ("following changes", random.u64(0..1500)),
        };
        running.wait_for(until);
        sleep(Duration::from_millis(life));
        running.kill();
        if kill >= KILLS_IN_SNAPSHOT {
            // Whatever it was doing, what it left can be read.
            read(&pipeline, "public/pgbench_tellers", format, "tid");
        }
    }
    // Nor does reading get lost while it goes on, with time to read.
    pipeline.set("destination.options.keep_replaced_seconds", json!(60));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    for _ in 0..3 {
        read(&pipeline, "public/pgbench_history", format, "id");
    }
    running.kill();
    drop(workload);
    let last = pipeline.catch_up();
    assert!(last.status.success(), "{}", last.stderr);
    let merged = assert_equal(&databases, &pipeline, format);
    assert!(merged >= 4, "{format}: hardly anything was merged: {merged}");
}

#[test]
fn a_lake_of_parquet_holds_the_tables_whenever_the_runner_is_killed() {
    torment("parquet", &mut Rng::with_seed(0x1A4E));
}

#[test]
fn a_lake_of_lines_holds_the_tables_whenever_the_runner_is_killed() {
    torment("ndjson", &mut Rng::with_seed(0x1A4F));
}

//! Values that rows got with a column, where what filled it is gone before anybody looks: no change and no
//! catalog tells of them any more.

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::json;

const PLAIN: &str = "CREATE TABLE {t} (id int PRIMARY KEY, n int)";
const PARTED: &str = "CREATE TABLE {t} (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
    CREATE TABLE {t}_1 PARTITION OF {t} FOR VALUES FROM (0) TO (2);
    CREATE TABLE {t}_2 PARTITION OF {t} FOR VALUES FROM (2) TO (99)";

/// A table, and what happens to it, `{t}`, each time in a transaction of its own.
const CASES: [(&str, &[&str]); 14] = [
    (
        PLAIN,
        &["ALTER TABLE {t} ADD c int GENERATED ALWAYS AS (n * 2) STORED;
        ALTER TABLE {t} ALTER c DROP EXPRESSION"],
    ),
    (
        PLAIN,
        &["ALTER TABLE {t} ADD c float DEFAULT random(); ALTER TABLE {t} ALTER c DROP DEFAULT"],
    ),
    (PLAIN, &["ALTER TABLE {t} ADD c int DEFAULT 5; ALTER TABLE {t} ALTER c DROP DEFAULT"]),
    (
        PLAIN,
        &["ALTER TABLE {t} ADD c int DEFAULT 5; ALTER TABLE {t} ALTER n TYPE bigint,
        ALTER c DROP DEFAULT"],
    ),
    (
        PLAIN,
        &[
            "ALTER TABLE {t} ADD c int DEFAULT 5; ALTER TABLE {t} ALTER c DROP DEFAULT",
            "VACUUM FULL {t}",
        ],
    ),
    (
        PLAIN,
        &["ALTER TABLE {t} ADD c int GENERATED ALWAYS AS IDENTITY;
        ALTER TABLE {t} ALTER c DROP IDENTITY, ALTER c DROP NOT NULL"],
    ),
    (
        PLAIN,
        &["ALTER TABLE {t} ADD c bigserial;
        ALTER TABLE {t} ALTER c DROP DEFAULT, ALTER c DROP NOT NULL"],
    ),
    (PLAIN, &["ALTER TABLE {t} ADD c text; ALTER TABLE {t} ALTER c TYPE int USING n + 1"]),
    (
        PLAIN,
        &["CREATE DOMAIN {t}_d AS int DEFAULT 7; ALTER TABLE {t} ADD c {t}_d;
        ALTER DOMAIN {t}_d DROP DEFAULT"],
    ),
    (
        PLAIN,
        &[
            "ALTER TABLE {t} ADD c int DEFAULT 5, ADD d int; ALTER TABLE {t} ALTER c DROP DEFAULT",
            "ALTER TABLE {t} RENAME c TO e",
            "VACUUM FULL {t}",
        ],
    ),
    (
        PARTED,
        &["ALTER TABLE {t} ADD c int GENERATED ALWAYS AS (n * 2) STORED;
        ALTER TABLE {t} ALTER c DROP EXPRESSION"],
    ),
    (
        PARTED,
        &["ALTER TABLE {t} ADD c float DEFAULT random(); ALTER TABLE {t} ALTER c DROP DEFAULT"],
    ),
    (PARTED, &["ALTER TABLE {t} ADD c int DEFAULT 5; ALTER TABLE {t} ALTER c DROP DEFAULT"]),
    (
        PARTED,
        &[
            "ALTER TABLE {t} ADD c int DEFAULT 5; ALTER TABLE {t} ALTER c DROP DEFAULT;
        ALTER TABLE {t} DETACH PARTITION {t}_2;
        ALTER TABLE {t} ATTACH PARTITION {t}_2 FOR VALUES FROM (2) TO (99)",
            "VACUUM FULL {t}_2",
        ],
    ),
];

/// A pipeline whose source has a table of each case.
fn copied() -> (Databases, Pipeline) {
    let databases = Databases::start();
    for (number, (table, _)) in CASES.iter().enumerate() {
        let name = format!("t{number}");
        databases.at_source(&table.replace("{t}", &name));
        databases.at_source(&format!("INSERT INTO {name} VALUES (1, 1), (2, 2)"));
    }
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    pipeline.set("schema_evolution.require_approval_for_risky_changes", json!(false));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    (databases, pipeline)
}

fn change(databases: &Databases) {
    for (number, (_, changes)) in CASES.iter().enumerate() {
        for change in *changes {
            databases.at_source(&change.replace("{t}", &format!("t{number}")));
        }
    }
}

#[test]
fn while_the_pipeline_was_stopped() {
    let (databases, pipeline) = copied();
    change(&databases);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
    // What is known by now costs no further copy.
    let ended = pipeline.catch_up();
    assert!(!ended.stderr.contains("copying"), "{}", ended.stderr);
}

#[test]
fn while_it_runs() {
    let (databases, pipeline) = copied();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    change(&databases);
    wait_until("all values", || databases.differences().is_empty());
    running.kill();
}

//! What an older binary stored is gone on from, what a newer one stored is refused.

use cartridge_warp_tests::{
    Pipeline,
    rows::{Row, sqlite_query, sqlite_rows},
};
use rusqlite::Connection;
use serde_json::{Value, json};

const TABLES: u64 = 4;
const KEYS: u64 = 20;

/// Destinations as older binaries left them, by `sqlite3 shop.db .dump`, each with its number. Their source is
/// that of [`scripted`] after 200 changes: `t0` streams, `t1` is paused, `t2` parked (`get-changes` failed once
/// with `resync` for it), and `t3`, which was left out at first, is copied up to its fourth read of 3 rows.
/// One is added when the layout's number is raised.
const ARCHIVE: [(&str, &str); 2] = [
    ("before layouts were counted", include_str!("../archive/layout-0.sql")),
    ("1", include_str!("../archive/layout-1.sql")),
];

fn scripted(changes: u64) -> Pipeline {
    let options = json!({"tables": TABLES, "keys": KEYS, "past": 60, "changes": changes});
    let mut pipeline = Pipeline::scripted(options);
    pipeline.set("name", json!("archive"));
    pipeline.set("schemas.0.tables", json!([{"name": "t3", "full_load_batch_size": 3}]));
    pipeline
}

fn database(pipeline: &Pipeline) -> Connection {
    Connection::open(pipeline.database()).unwrap()
}

fn assert_equal(pipeline: &Pipeline, table: u64, changes: u64, case: &str) {
    let expected = scripted_source::history::rows(table, changes, TABLES, KEYS);
    let found = sqlite_rows(&pipeline.database(), &format!("t{table}"), "id");
    let row = |row: &Row| (row["id"].as_u64().unwrap(), row["value"].as_u64().unwrap());
    assert_eq!(found.iter().map(row).collect::<Vec<_>>(), expected, "{case}: t{table}");
}

/// The states of the tables, in order.
fn states(pipeline: &Pipeline) -> Vec<Value> {
    let status = pipeline.run(&["--output", "json", "status"]);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    let tables = status["tables"].as_object().unwrap();
    tables.values().map(|table| table["state"].clone()).collect()
}

/// Everything that is stored about the schema, and its rows.
fn stored(pipeline: &Pipeline) -> Vec<Vec<Row>> {
    let queries = [
        "SELECT * FROM cartridge_warp_metadata_sync_markers ORDER BY stream",
        "SELECT * FROM cartridge_warp_metadata_epochs ORDER BY schema_name",
        "SELECT * FROM t0 ORDER BY id",
    ];
    queries.iter().map(|sql| sqlite_query(&pipeline.database(), sql)).collect()
}

#[test]
fn a_run_goes_on_from_what_older_binaries_stored() {
    for (case, dump) in ARCHIVE {
        let pipeline = scripted(300);
        database(&pipeline).execute_batch(dump).unwrap();
        assert_eq!(states(&pipeline), ["streaming", "paused", "parked", "copying"], "{case}");
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(3), "{case}: {}", ended.stderr);
        [0, 3].into_iter().for_each(|table| assert_equal(&pipeline, table, 300, case));
        // The half of `t3` that was read is not read again, and nothing else is.
        assert_eq!(pipeline.calls("state", "plan-snapshot"), 0, "{case}");
        let all = scripted_source::history::rows(3, 200, TABLES, KEYS).len() as u64;
        let reads = pipeline.calls("state", "get-full-snapshot");
        assert!((1..all.div_ceil(3)).contains(&reads), "{case}: {reads} reads of {all} rows");
        let resumed = pipeline.run(&["resume"]);
        assert!(resumed.status.success(), "{case}: {}", resumed.stderr);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{case}: {}", ended.stderr);
        (0..TABLES).for_each(|table| assert_equal(&pipeline, table, 300, case));
        assert_eq!(pipeline.calls("state", "plan-snapshot"), 2, "{case}");
    }
}

#[test]
fn what_a_newer_binary_stored_is_refused_and_left_as_it_is() {
    let pipeline = scripted(200);
    assert!(pipeline.catch_up().status.success());
    let layout = "cartridge_warp_metadata_sync_markers SET value = CAST(value + 1 AS BLOB)";
    let raised =
        database(&pipeline).execute(&format!("UPDATE {layout} WHERE stream = 'layout'"), []);
    assert_eq!(raised, Ok(1), "it is stored");
    let before = stored(&pipeline);
    for command in [
        &["check"][..],
        &["run", "--until-caught-up"],
        &["run", "--until-caught-up", "--full-resync"],
        &["run", "--until-caught-up", "--dry-run"],
        &["status"],
        &["pause", "t0"],
        &["resync", "--take-over", "t0"],
        &["adopt"],
        &["schema", "list"],
        &["dlq", "list"],
        &["dlq", "discard", "--all", "--reason", "unwanted"],
    ] {
        let ended = pipeline.run(command);
        let said = ended.words();
        let expected = if command == ["check"] { 2 } else { 1 };
        assert_eq!(ended.status.code(), Some(expected), "{command:?}: {said}");
        for words in ["newer-state", "schema `shop`", "number 2", "up to 1", "run the version"] {
            assert!(said.contains(words), "{command:?}: no {words:?} in {said}");
        }
        assert_eq!(stored(&pipeline), before, "{command:?}");
    }
}

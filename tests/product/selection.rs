//! Tables that are left out for a while and then selected again.

use std::ops::Range;

use cartridge_warp_tests::{Pipeline, rows::sqlite_rows};
use serde_json::{Value, json};

const TABLES: u64 = 2;
const KEYS: u64 = 200;

/// The mock source with so many changes, and tables that are left out.
fn set(pipeline: &mut Pipeline, changes: u64, left_out: &Value, more: &Value) {
    let mut options = json!({"tables": TABLES, "keys": KEYS, "past": 600, "changes": changes});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    pipeline.set("source.options", options);
    pipeline.set("schemas.0.table_blacklist", left_out.clone());
}

fn pipeline() -> Pipeline {
    Pipeline::scripted(json!({}))
}

fn assert_equal(name: &str, pipeline: &Pipeline, table: u64, changes: u64) {
    assert_equal_since(name, pipeline, table, 0..changes);
}

/// The same of a table that began empty within the history.
fn assert_equal_since(name: &str, pipeline: &Pipeline, table: u64, changes: Range<u64>) {
    let expected = scripted_source::history::rows_between(table, changes, TABLES, KEYS);
    let found = sqlite_rows(&pipeline.database(), &format!("t{table}"), "id");
    let row = |row: &cartridge_warp_tests::rows::Row| {
        (row["id"].as_u64().unwrap(), row["value"].as_u64().unwrap())
    };
    assert_eq!(found.iter().map(row).collect::<Vec<_>>(), expected, "{name}: t{table}");
}

#[test]
fn a_table_that_comes_back_is_copied_anew_and_the_others_go_on() {
    let recreated = json!({"reshape": {"at": 700, "kind": "recreate"}});
    let cut_off = json!({"faults": [{"call": "get-full-snapshot", "at": 3, "action": "stop"}]});
    // `since`: where the table that stays selected was made anew.
    for (name, first, copied, snapshots, since) in [
        ("a table that was followed", json!({}), true, 3, 0),
        ("a table that came with the stream", recreated, true, 3, 700),
        ("a table whose snapshot was cut off", cut_off, false, 3, 0),
    ] {
        let mut pipeline = pipeline();
        pipeline.set(
            "schemas.0.tables",
            json!([{"name": "t1", "full_load_batch_size": 10, "max_parallel_streams": 1}]),
        );
        set(&mut pipeline, 1000, &json!([]), &first);
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.success(), copied, "{name}: {}", ended.stderr);

        pipeline.set("schemas.0.tables", json!([]));
        set(&mut pipeline, 2000, &json!(["t1"]), &first);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("no longer selected"), "{name}: {}", ended.stderr);
        assert_equal_since(name, &pipeline, 0, since..2000);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert!(!ended.stderr.contains("no longer selected"), "{name}: once is enough");

        set(&mut pipeline, 3000, &json!([]), &first);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_equal_since(name, &pipeline, 0, since..3000);
        assert_equal(name, &pipeline, 1, 3000);
        assert_eq!(pipeline.calls("state", "plan-snapshot"), snapshots, "{name}");
    }
}

#[test]
fn a_table_that_the_source_did_not_list_when_it_was_left_out_is_no_exception() {
    let mut pipeline = pipeline();
    set(&mut pipeline, 1000, &json!([]), &json!({}));
    assert!(pipeline.catch_up().status.success());
    set(&mut pipeline, 2000, &json!(["t1"]), &json!({"tables": 1}));
    assert!(pipeline.catch_up().status.success());
    set(&mut pipeline, 3000, &json!([]), &json!({}));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_equal("unlisted", &pipeline, 1, 3000);
}

#[test]
fn a_dry_run_without_a_table_leaves_it_as_it_is() {
    let mut pipeline = pipeline();
    set(&mut pipeline, 1000, &json!([]), &json!({}));
    assert!(pipeline.catch_up().status.success());
    set(&mut pipeline, 2000, &json!(["t1"]), &json!({}));
    let ended = pipeline.run(&["run", "--dry-run"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    set(&mut pipeline, 3000, &json!([]), &json!({}));
    assert!(pipeline.catch_up().status.success());
    (0..TABLES).for_each(|table| assert_equal("dry run", &pipeline, table, 3000));
    assert_eq!(pipeline.calls("state", "plan-snapshot"), TABLES, "nothing is copied anew");
}

#[test]
fn a_table_is_copied_anew_from_a_start_that_was_made_without_it() {
    let mut pipeline = pipeline();
    set(&mut pipeline, 1000, &json!([]), &json!({}));
    assert!(pipeline.catch_up().status.success());
    set(&mut pipeline, 2000, &json!(["t1"]), &json!({}));
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    set(&mut pipeline, 3000, &json!([]), &json!({}));
    assert!(pipeline.catch_up().status.success());
    (0..TABLES).for_each(|table| assert_equal("full re-sync", &pipeline, table, 3000));
}

#[test]
fn a_log_that_missed_changes_is_not_emptied_unless_somebody_says_so() {
    let mut pipeline = pipeline();
    pipeline.set("schemas.0.tables", json!([{"name": "t1", "write_mode": "append"}]));
    set(&mut pipeline, 1000, &json!([]), &json!({}));
    assert!(pipeline.catch_up().status.success());
    let log = sqlite_rows(&pipeline.database(), "t1", "value");
    pipeline.set("schemas.0.tables", json!([]));
    set(&mut pipeline, 2000, &json!(["t1"]), &json!({}));
    assert!(pipeline.catch_up().status.success());

    pipeline.set("schemas.0.tables", json!([{"name": "t1", "write_mode": "append"}]));
    set(&mut pipeline, 3000, &json!([]), &json!({}));
    for (ended, code) in [(pipeline.run(&["check"]), 2), (pipeline.catch_up(), 1)] {
        assert_eq!(ended.status.code(), Some(code), "{}", ended.stderr);
        for words in ["table `t1`", "its log lacks", "--full-resync=shop.t1"] {
            assert!(ended.words().contains(words), "no {words:?} in: {}", ended.stderr);
        }
    }
    assert_eq!(sqlite_rows(&pipeline.database(), "t1", "value"), log);
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=shop.t1"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_equal("the others", &pipeline, 0, 3000);
}

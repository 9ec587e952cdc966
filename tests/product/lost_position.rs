//! A source that no longer has the changes after the last commit: the schema ends, or copies anew.

use std::{fs, thread::sleep, time::Duration};

use cartridge_warp_tests::{Ended, Pipeline, rows::sqlite_rows};
use serde_json::{Value, json};

const TABLES: u64 = 2;
const KEYS: u64 = 400;
const KILLS: u64 = 25;
const COPYING_ANEW: &str = "copying everything anew";

/// Holds the changes up to this number.
fn options(changes: u64, faults: &Value) -> Value {
    json!({"tables": TABLES, "keys": KEYS, "past": 600, "changes": changes, "faults": faults})
}

fn resyncing(changes: u64, faults: &Value) -> Pipeline {
    let mut pipeline = Pipeline::scripted(options(changes, faults));
    pipeline.set("schemas.0.on_lost_position", json!("resync"));
    pipeline
}

/// The source has forgotten everything before this change.
fn forget(pipeline: &Pipeline, changes: u64) {
    fs::write(pipeline.path("state/confirmed"), changes.to_string()).unwrap();
}

fn assert_equal(pipeline: &Pipeline, changes: u64) {
    for table in 0..TABLES {
        let expected = scripted_source::history::rows(table, changes, TABLES, KEYS);
        let found = sqlite_rows(&pipeline.database(), &format!("t{table}"), "id");
        let row = |row: &cartridge_warp_tests::rows::Row| {
            (row["id"].as_u64().unwrap(), row["value"].as_u64().unwrap())
        };
        assert_eq!(found.iter().map(row).collect::<Vec<_>>(), expected, "t{table}");
    }
}

fn resyncs(ended: &Ended) -> usize {
    ended.stderr.matches(COPYING_ANEW).count()
}

#[test]
fn the_schema_ends_by_default_and_says_what_helps() {
    let mut pipeline = Pipeline::scripted(options(1000, &json!([])));
    assert!(pipeline.catch_up().status.success());
    forget(&pipeline, 1500);
    pipeline.set("source.options", options(2000, &json!([])));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    for words in ["changes 1000 to 1500 are gone", "--full-resync", "on_lost_position: resync"] {
        assert!(ended.stderr.contains(words), "no {words:?} in: {}", ended.stderr);
    }
    assert_eq!(resyncs(&ended), 0);
    assert_equal(&pipeline, 1000);
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_equal(&pipeline, 2000);
}

#[test]
fn a_lost_position_leads_to_one_full_resync() {
    let mut pipeline = resyncing(1000, &json!([]));
    assert!(pipeline.catch_up().status.success());
    forget(&pipeline, 1500);
    pipeline.set("source.options", options(2000, &json!([])));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(resyncs(&ended), 1, "{}", ended.stderr);
    // Rows that were deleted in the forgotten part are gone here, too.
    assert_equal(&pipeline, 2000);
    let again = pipeline.catch_up();
    assert!(again.status.success() && resyncs(&again) == 0, "{}", again.stderr);
}

#[test]
fn a_position_that_is_lost_in_mid_snapshot_is_no_exception() {
    for call in ["plan-snapshot", "get-full-snapshot", "get-changes"] {
        let faults = json!([{"call": call, "at": 1, "action": "resync"}]);
        let mut pipeline = resyncing(1000, &faults);
        pipeline.set("schemas.0.default_batch_size", json!(100));
        pipeline.set("schemas.0.tables", json!([{"name": "t0", "full_load_batch_size": 20}]));
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{call}: {}", ended.stderr);
        assert_eq!(resyncs(&ended), 1, "{call}: {}", ended.stderr);
        assert_equal(&pipeline, 1000);
    }
}

#[test]
fn resyncs_without_an_outcome_have_an_end() {
    let faults = json!([{"call": "get-changes", "at": 0, "times": 1000, "action": "resync"}]);
    for (resyncs_max, expected) in [(2, 2), (0, 0)] {
        let mut pipeline = resyncing(1000, &faults);
        pipeline.set("error_handling.max_resyncs", json!(resyncs_max));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert_eq!(resyncs(&ended), expected, "{}", ended.stderr);
    }
}

#[test]
fn a_destination_cannot_ask_for_it() {
    let mut pipeline = resyncing(1000, &json!([]));
    let fault = json!({"call": "write-batch", "at": 1, "action": "resync"});
    pipeline.deliver_to_scripted(json!({ "faults": [fault] }));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert_eq!(resyncs(&ended), 0, "{}", ended.stderr);
}

#[test]
fn a_runner_that_is_killed_in_the_middle_goes_on() {
    let mut pipeline = resyncing(1000, &json!([]));
    pipeline.set(
        "schemas.0.tables",
        json!([
            {"name": "t0", "full_load_batch_size": 3}, {"name": "t1", "full_load_batch_size": 3},
        ]),
    );
    assert!(pipeline.catch_up().status.success());
    let (mut anew, mut changes) = (0, 1000);
    for kill in 0..KILLS {
        if kill % 5 == 0 {
            forget(&pipeline, changes + 500);
            changes += 1000;
            pipeline.set("source.options", options(changes, &json!([])));
        }
        let mut running = pipeline.start();
        running.wait_for("serving metrics");
        if kill % 5 == 0 {
            running.wait_for(COPYING_ANEW);
        }
        sleep(Duration::from_millis(fastrand::u64(0..150)));
        anew += resyncs(&running.kill());
    }
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_equal(&pipeline, changes);
    assert!(anew >= 5, "{anew}");
}

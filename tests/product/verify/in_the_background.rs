//! A run compares both sides by itself (`verify.every`), beside its work.

use std::{
    thread,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Databases, Pipeline, Running, wait_until};
use serde_json::{Value, json};

use super::{counts, verified};

/// Two tables of a run that compares them every second.
fn compared(rows_per_second: u32) -> (Databases, Pipeline, Running) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE words (id int PRIMARY KEY, w text);
         INSERT INTO words SELECT i, 'w' || i FROM generate_series(1, 500) AS i;
         CREATE TABLE lines (id int PRIMARY KEY, l text); INSERT INTO lines VALUES (1, 'a')",
    );
    let mut pipeline = databases.pipeline();
    pipeline
        .set("verify", json!({"every": "1s", "rows_per_second": rows_per_second, "wait": "30s"}));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.wait_for("taking orders");
    (databases, pipeline, running)
}

/// What `status` says of the only schema's last comparison.
fn last(pipeline: &Pipeline) -> Value {
    let ended = pipeline.run(&["--output", "json", "status"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    serde_json::from_str::<Value>(&ended.stdout).unwrap()["verify"].clone()
}

/// What a family of comparisons says of a table.
fn metric(running: &Running, family: &str, table: &str) -> Option<f64> {
    let page = running.get("/metrics");
    let (family, table) =
        (format!("cartridge_warp_verify_{family}{{"), format!("table=\"{table}\"}} "));
    let mut lines = page.lines();
    let line = lines.find(|line| line.starts_with(&family) && line.contains(&table))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_row_that_was_changed_behind_the_pipelines_back_is_found_and_told() {
    let (databases, pipeline, running) = compared(10_000);
    wait_until("a comparison finds all equal", || last(&pipeline)["tables"]["equal"] == 2);
    assert_eq!(metric(&running, "drifted_rows", "words"), Some(0.0), "{}", running.get("/metrics"));
    let listening = Running::start(pipeline.command(&["--output", "json", "events"]));
    thread::sleep(Duration::from_secs(1));
    databases
        .at_destination("UPDATE words SET w = 'x' WHERE id = 7; DELETE FROM words WHERE id = 8");
    wait_until("it is found", || last(&pipeline)["tables"]["drift"] == 1);
    let words = last(&pipeline)["remarks"]["words"].clone();
    assert_eq!((&words["verdict"], &words["drifted"]), (&json!("drift"), &json!(2)), "{words}");
    assert_eq!(words["message"], "of 500 rows 1 missing, 1 different; columns that differ: w");
    assert!(words["help"].as_str().unwrap().contains("verify --schema=public --table=words"));
    let health = running.get("/health");
    assert!(
        health.starts_with("HTTP/1.1 200") && health.contains(r#""status":"degraded""#),
        "{health}"
    );
    assert_eq!(metric(&running, "drifted_rows", "words"), Some(2.0));
    assert!(running.stderr().contains("rows are not the source's"), "{}", running.stderr());
    wait_until("it is an event", || listening.stdout().contains(r#""state":"drifted""#));
    let shown = pipeline.run(&["--output", "human", "status"]).stdout;
    assert!(
        shown.contains("tables: 1 drift, 1 equal") && shown.contains("words: drift:"),
        "{shown}"
    );

    // A new copy mends it, and nothing is said of the rows of before.
    assert!(pipeline.run(&["resync", "words"]).status.success());
    wait_until("all is equal again", || last(&pipeline)["tables"]["equal"] == 2);
    assert_eq!(metric(&running, "drifted_rows", "words"), Some(0.0));
    assert!(running.get("/health").contains(r#""status":"ok""#), "{}", running.get("/health"));
    listening.signal(15);
}

#[test]
fn what_cannot_be_compared_is_no_failure_of_the_pipeline() {
    let (databases, pipeline, running) = compared(10_000);
    wait_until("a comparison finds all equal", || last(&pipeline)["tables"]["equal"] == 2);
    databases.at_destination("ALTER TABLE words RENAME COLUMN w TO z");
    wait_until("a comparison fails", || last(&pipeline)["error"].is_string());
    assert!(metric(&running, "failures_total", "") > Some(0.0), "{}", running.get("/metrics"));
    databases.at_source("INSERT INTO lines VALUES (2, 'b')");
    wait_until("the others go on", || {
        databases.at_destination("SELECT count(*) FROM lines") == ["2"]
    });
    assert_eq!(last(&pipeline)["tables"]["equal"], 2, "what was known stays");
}

#[test]
fn it_reads_no_faster_than_it_may_and_holds_up_neither_changes_nor_the_end() {
    let (databases, pipeline, running) = compared(20);
    // 500 rows take 25 seconds.
    databases.at_source("INSERT INTO lines VALUES (2, 'b')");
    let begun = Instant::now();
    wait_until("a change arrives", || {
        databases.at_destination("SELECT count(*) FROM lines") == ["2"]
    });
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(last(&pipeline).is_null(), "it is not through yet");
    running.signal(15);
    assert!(running.wait(Duration::from_secs(15)).status.success());
}

#[test]
fn the_command_keeps_to_a_rate_and_a_table_that_is_paused_meanwhile_is_undecided() {
    let (databases, pipeline, mut running) = {
        let (databases, mut pipeline, first) = compared(10_000);
        drop(first);
        pipeline.set("verify", json!({}));
        let running = pipeline.start();
        (databases, pipeline, running)
    };
    running.wait_for("following changes");
    running.wait_for("taking orders");
    databases.at_destination("UPDATE words SET w = 'x' WHERE id = 1");
    let begun = Instant::now();
    let arguments = ["--rows-per-second", "50", "--table", "words", "--wait", "20"];
    let came = thread::scope(|scope| {
        let verify = scope.spawn(|| verified(&pipeline, 1, &arguments));
        thread::sleep(Duration::from_secs(4));
        assert!(pipeline.run(&["pause", "words"]).status.success());
        verify.join().unwrap()
    });
    assert!(begun.elapsed() > Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(counts(&came), [0, 0, 0, 0, 1], "{came}");
    let why = came["why_undecided"].as_str().unwrap();
    assert!(why.contains("was paused"), "{came}");
}

#[test]
fn the_command_compares_again_and_again() {
    let (_databases, pipeline, running) = compared(10_000);
    let arguments = ["--output", "json", "verify", "--every", "1s", "--table", "lines"];
    let verify = Running::start(pipeline.command(&arguments));
    wait_until("it has compared twice", || verify.stdout().lines().count() >= 2);
    verify.signal(15);
    drop(running);
}

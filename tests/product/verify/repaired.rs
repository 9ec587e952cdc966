//! `--repair` writes rows that drifted as they are at the source by then.

use std::time::Duration;

use cartridge_warp_tests::{Databases, wait_until};
use serde_json::{Value, json};

use super::{counts, verified};

#[test]
fn rows_that_drifted_are_written_again_while_nobody_runs_the_schema() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE words (id int PRIMARY KEY, w text);
         INSERT INTO words SELECT i, 'w' || i FROM generate_series(1, 3000) AS i;
         CREATE TABLE lines (word int, line text, n numeric, PRIMARY KEY (word, line));
         INSERT INTO lines SELECT i, 'a\"' || i, i / 3.0 FROM generate_series(1, 10) AS i",
    );
    let mut pipeline = databases.pipeline();
    // Nobody can ask the run.
    pipeline.set("control", json!({"enabled": false}));
    let tamper = || {
        databases.at_destination(
            "UPDATE words SET w = 'x' WHERE id % 2 = 0; DELETE FROM words WHERE id = 7;
             INSERT INTO words VALUES (4000, 'x'); UPDATE lines SET n = NULL WHERE word = 3;
             DELETE FROM lines WHERE word = 4",
        );
    };
    let mut running = pipeline.start();
    running.wait_for("following changes");
    tamper();
    let ended = pipeline.run(&["verify", "--repair"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    assert!(ended.words().contains("is held by a run"), "{}", ended.stderr);
    running.signal(15);
    assert!(running.wait(Duration::from_secs(120)).status.success());
    // One that is newer than the position: the next run goes on behind it all the same.
    databases.at_source("UPDATE words SET w = 'newer' WHERE id = 8");
    let came = verified(&pipeline, 6, &["--table", "words"]);
    assert_eq!(counts(&came), [1, 1, 1499, 1, 0], "{came}");
    let ended = pipeline.run(&["--output", "json", "verify", "--repair"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    let told: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let repaired: Vec<&Value> = told.iter().take(2).map(|told| &told["repaired"]).collect();
    assert_eq!(repaired, [2, 1501], "{told:?}");
    assert!(pipeline.catch_up().status.success());
    assert_eq!(databases.differences(), Vec::<String>::new());
    verified(&pipeline, 0, &[]);
}

#[test]
fn a_run_writes_rows_that_drifted_itself_and_goes_on() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE words (id int PRIMARY KEY, w text);
         INSERT INTO words SELECT i, 'w' || i FROM generate_series(1, 3000) AS i",
    );
    let pipeline = databases.pipeline();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.wait_for("taking orders");
    databases.at_destination(
        "UPDATE words SET w = 'x' WHERE id % 2 = 0; DELETE FROM words WHERE id = 7;
         INSERT INTO words VALUES (4000, 'x')",
    );
    let ended = pipeline.run(&["--output", "json", "verify", "--repair"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    let told: Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&told["repaired"], &told["not_repaired"]), (&json!(1502), &json!([])), "{told}");
    databases.at_source("INSERT INTO words VALUES (5000, 'new')");
    wait_until("the run goes on", || databases.differences().is_empty());
    running.signal(15);
    assert!(running.wait(Duration::from_secs(60)).status.success());
}

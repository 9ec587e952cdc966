//! What is not compared is said by name.

use cartridge_warp_tests::{Databases, Pipeline};
use serde_json::{Value, json};

use super::{counts, verified};

fn all(pipeline: &Pipeline) -> Vec<Value> {
    let ended = pipeline.run(&["--output", "json", "verify"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_table_that_is_not_compared_has_its_reason() {
    let databases = Databases::start();
    for table in ["plain", "log", "aside", "masked", "changed"] {
        databases.at_source(&format!(
            "CREATE TABLE {table} (id text PRIMARY KEY, w text); INSERT INTO {table} VALUES ('a', 'b')"
        ));
    }
    let mut pipeline = databases.pipeline();
    let masked = json!({"name": "masked", "columns": {"mask": {"id": "hash-unkeyed"}}});
    let tables = json!([{"name": "log", "write_mode": "append"}, masked]);
    pipeline.set("schemas.0.tables", tables);
    assert!(pipeline.catch_up().status.success());
    assert!(pipeline.run(&["pause", "aside"]).status.success());
    databases.at_source("ALTER TABLE changed ADD COLUMN more text");
    let expected = [
        ("aside", "paused"),
        ("changed", "its shape changed"),
        ("log", "it is a log"),
        ("masked", "column `id` of its key is masked"),
        ("plain", ""),
    ];
    let came = all(&pipeline);
    assert_eq!(came.len(), expected.len(), "{came:?}");
    for (came, (table, why)) in came.iter().zip(expected) {
        assert_eq!(came["table"], table, "{came}");
        let said = came["not_compared"].as_str().unwrap_or_default();
        assert!(said.contains(why) && said.is_empty() == why.is_empty(), "{came}");
    }
    // Where nothing can be compared nothing is proven.
    let came = verified(&pipeline, 1, &["--table", "log"]);
    assert_eq!(came["not_compared"], "it is a log", "{came}");
    let ended = pipeline.run(&["verify", "--table", "none"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    assert!(ended.words().contains("no table `none`"), "{}", ended.stderr);
}

#[test]
fn dead_letters_are_counted_and_no_drift() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE words (id int PRIMARY KEY, w text, n numeric(8, 2))");
    databases.at_destination(
        "CREATE TABLE words (id int PRIMARY KEY, w text CHECK (w <> 'bad'), n numeric(8, 2))",
    );
    databases.at_source("INSERT INTO words VALUES (1, 'a', 1), (2, 'bad', 2), (3, 'c', 'NaN')");
    let pipeline = databases.pipeline();
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    let came = verified(&pipeline, 0, &[]);
    assert_eq!(counts(&came), [0; 5], "{came}");
    assert_eq!((&came["dead_letters"], &came["equal"]), (&json!(2), &json!(1)), "{came}");
    // One of them has an older version there: it is one row all the same.
    databases.at_source("INSERT INTO words VALUES (4, 'd', 4)");
    pipeline.catch_up();
    databases.at_source("UPDATE words SET n = 'NaN' WHERE id = 4");
    let came = verified(&pipeline, 0, &[]);
    assert_eq!((counts(&came), &came["equal"]), ([0, 0, 0, 1, 0], &json!(1)), "{came}");
    pipeline.catch_up();
    let came = verified(&pipeline, 0, &[]);
    assert_eq!((&came["dead_letters"], &came["equal"]), (&json!(3), &json!(1)), "{came}");
    assert_eq!(came["source_rows"], 4, "{came}");
    // Discarded letters are none: the destination lacks what the source has.
    let discarded = pipeline.run(&["dlq", "discard", "--all", "--reason", "no"]);
    assert!(discarded.status.success(), "{}", discarded.stderr);
    let came = verified(&pipeline, 6, &[]);
    assert_eq!(counts(&came), [2, 0, 1, 0, 0], "{came}");
    assert_eq!((&came["dead_letters"], &came["equal"]), (&json!(0), &json!(1)), "{came}");
    // Written again they are refused again, and are letters again.
    verified(&pipeline, 0, &["--repair"]);
    let came = verified(&pipeline, 0, &[]);
    assert_eq!((&came["dead_letters"], &came["equal"]), (&json!(3), &json!(1)), "{came}");
}

#[test]
fn a_dead_letter_is_known_by_its_key_however_that_is_written() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE words (k timestamptz PRIMARY KEY, w text)");
    let bad = "CREATE TABLE words (k timestamptz PRIMARY KEY, w text CHECK (w <> 'bad'))";
    databases.at_destination(bad);
    // The host writes three or six digits behind the second, connectors no zeros.
    databases.at_source(
        "INSERT INTO words SELECT k::timestamptz, 'bad' FROM unnest(ARRAY['2024-01-01 00:00:00.5Z',
             '2024-01-01', 'infinity', '-infinity', '0044-03-15 BC', '20240-01-01 00:00:00.1234Z']) AS k
         UNION ALL SELECT '2025-01-01', 'good'",
    );
    let pipeline = databases.pipeline();
    assert_eq!(pipeline.catch_up().status.code(), Some(4));
    let came = verified(&pipeline, 0, &[]);
    assert_eq!((&came["dead_letters"], &came["equal"]), (&json!(6), &json!(1)), "{came}");
    // One without any: the last years of the server are beyond those of a batch.
    databases.at_source("INSERT INTO words VALUES ('294276-01-01', 'good')");
    // While it waits nobody knows that it is not of a row that differs: that is neither drift nor on its way.
    databases.at_destination("UPDATE words SET w = 'other' WHERE k = '2025-01-01'");
    let came = verified(&pipeline, 1, &[]);
    assert_eq!((counts(&came), &came["equal"]), ([0, 0, 0, 0, 8], &json!(0)), "{came}");
    databases.at_destination("UPDATE words SET w = 'good' WHERE k = '2025-01-01'");
    pipeline.catch_up();
    let came = verified(&pipeline, 0, &[]);
    assert_eq!((&came["dead_letters"], &came["equal"]), (&json!(7), &json!(1)), "{came}");
    databases.at_source("DELETE FROM words WHERE k = '294276-01-01'");
    pipeline.catch_up();
    let discarded =
        pipeline.run(&["dlq", "discard", "--code", "type-conversion", "--reason", "no"]);
    assert!(discarded.status.success(), "{}", discarded.stderr);
    // They are tried again by it, too.
    databases.at_destination("ALTER TABLE words DROP CONSTRAINT words_w_check");
    let ended = pipeline.run(&["dlq", "retry", "--all"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
    assert_eq!(verified(&pipeline, 0, &[])["equal"], 7);
}

#[test]
fn what_a_table_had_before_it_was_followed_is_missing_as_the_operator_wants() {
    let databases = Databases::start();
    let rows = "INSERT INTO words SELECT i, 'w' FROM generate_series(1, 10) AS i";
    databases.at_source(&format!("CREATE TABLE words (id int PRIMARY KEY, w text); {rows}"));
    databases.at_source("CREATE TABLE other (id int PRIMARY KEY)");
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.tables", json!([{"name": "words", "initial_copy": "none"}]));
    assert!(pipeline.catch_up().status.success());
    databases.at_source("INSERT INTO words VALUES (11, 'new')");
    assert!(pipeline.catch_up().status.success());
    let came = verified(&pipeline, 1, &["--table", "words", "--repair"]);
    let why = came["not_compared"].as_str().unwrap_or_default();
    assert!(why.contains("cartridge-warp resync public.words"), "{came}");
    assert_eq!(databases.at_destination("SELECT count(*) FROM words"), ["1"]);
    // Once it is copied whole, it is a table like any other.
    assert!(pipeline.run(&["resync", "public.words"]).status.success());
    assert!(pipeline.catch_up().status.success());
    let came = verified(&pipeline, 0, &["--table", "words"]);
    assert_eq!(came["equal"], 11, "{came}");
}

#[test]
fn a_destination_that_reads_nothing_back_is_said() {
    let options = json!({"tables": 1, "keys": 10, "past": 10, "changes": 10});
    let mut pipeline = Pipeline::scripted(options);
    pipeline.deliver_to_scripted(json!({}));
    pipeline.set("schemas.0.tables", json!([{"name": "t0", "write_mode": "upsert"}]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let came = verified(&pipeline, 1, &[]);
    let why = "its destination does not read rows of it back";
    assert_eq!(came["not_compared"], why, "{came}");
}

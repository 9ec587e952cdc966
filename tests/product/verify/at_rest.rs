//! While the pipeline stands still.

use cartridge_warp_tests::{Databases, Pipeline};
use serde_json::json;

use super::{ROWS, counts, drift_of, items, verified};

/// What is done to a row of the destination, and what is found of it.
const TAMPERED: [(i64, &str, &str); 18] = [
    (10, "DELETE FROM items WHERE id = 10", "missing"),
    (
        11,
        "INSERT INTO items SELECT (jsonb_populate_record(i, '{\"id\": 1000011}')).* FROM items i WHERE id = 11",
        "",
    ),
    (1_000_011, "", "extra"),
    (12, "UPDATE items SET remark = 'N12' WHERE id = 12", "different remark"),
    (14, "UPDATE items SET remark = '' WHERE id = 14", "different remark"),
    (15, "UPDATE items SET n = n + 0.0001 WHERE id = 15", "different n"),
    (16, "UPDATE items SET free = free + 1e-16 WHERE id = 16", "different free"),
    (17, "UPDATE items SET at = at + '1 hour' WHERE id = 17", "different at"),
    (18, "UPDATE items SET doc = jsonb_set(doc, '{a,1}', '0') WHERE id = 18", "different doc"),
    (19, "UPDATE items SET raw = raw || '\\x00' WHERE id = 19", "different raw"),
    (20, "UPDATE items SET big = big + 1e-13 WHERE id = 20", "different big"),
    (21, "UPDATE items SET email = 'a21@example.com' WHERE id = 21", "different email"),
    (22, "UPDATE items SET qty = '022' WHERE id = 22", "different qty"),
    (23, "UPDATE items SET origin = 'us', span = NULL WHERE id = 23", "different span origin"),
    (24, "UPDATE items SET words = '{a,NULL,b,c}' WHERE id = 24", "different words"),
    (25, "UPDATE items SET day = day + 1, flag = NOT flag WHERE id = 25", "different day flag"),
    // Neither the form of JSON nor what the pipeline adds of its own counts.
    (26, "UPDATE items SET committed = now(), doc = doc::text::jsonb WHERE id = 26", ""),
    (
        27,
        "UPDATE items SET remark = 'x' WHERE id = 27; UPDATE items SET remark = E'n27\\n\\\\' WHERE id = 27",
        "",
    ),
];

#[test]
fn each_difference_is_found_and_nothing_else() {
    let (databases, pipeline) = items();
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let came = verified(&pipeline, 0, &[]);
    assert_eq!(counts(&came), [0; 5], "{came}");
    assert_eq!((&came["equal"], &came["source_rows"]), (&json!(ROWS), &json!(ROWS)), "{came}");
    let left_out = came["columns_not_compared"].as_array().unwrap();
    let left_out: Vec<&str> = left_out.iter().map(|it| it["column"].as_str().unwrap()).collect();
    assert_eq!(left_out, ["committed"], "{came}");
    let tampering: String = TAMPERED.iter().map(|(_, sql, _)| format!("{sql};")).collect();
    databases.at_destination(&tampering);
    let came = verified(&pipeline, 6, &["--schema", "public", "--table", "items"]);
    for (id, what, drift) in TAMPERED {
        assert_eq!(drift_of(&came, id).unwrap_or_default(), drift, "{what}: {came}");
    }
    assert_eq!(counts(&came), [1, 1, 13, 0, 0], "{came}");
    assert!(!came.to_string().contains("example.com"), "a value is shown: {came}");
}

#[test]
fn values_are_shown_only_where_that_is_asked_for_and_masked_ones_never() {
    let (databases, pipeline) = items();
    pipeline.catch_up();
    databases
        .at_destination("UPDATE items SET remark = 'other', email = 'a3@example.com' WHERE id = 3");
    let came = verified(&pipeline, 6, &["--show-values"]);
    let shown = &came["samples"][0]["columns"];
    let remark = json!({"column": "remark", "source": "\"n3\\n\\\\\"", "destination": "\"other\""});
    assert_eq!(*shown, json!([remark, {"column": "email"}]), "{came}");
    // For eyes.
    let ended = pipeline.run(&["verify"]);
    assert_eq!(ended.status.code(), Some(6), "{}", ended.stderr);
    let words = [
        "public.items: DRIFT: 299 rows equal, 1 different",
        r#"different {"id":"3"}: remark, email"#,
    ];
    for words in words {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
}

fn words(databases: &Databases) -> Pipeline {
    databases.at_source(
        "CREATE TABLE words (id int PRIMARY KEY, w text);
         INSERT INTO words SELECT i, 'w' || i FROM generate_series(1, 100) AS i",
    );
    let pipeline = databases.pipeline();
    assert!(pipeline.catch_up().status.success());
    pipeline
}

#[test]
fn what_waits_for_the_next_run_is_no_drift() {
    let databases = Databases::start();
    let pipeline = words(&databases);
    databases.at_source(
        "UPDATE words SET w = 'new' WHERE id = 1; DELETE FROM words WHERE id = 2;
         INSERT INTO words VALUES (101, 'new'); UPDATE words SET id = 1003 WHERE id = 3",
    );
    let came = verified(&pipeline, 0, &[]);
    assert_eq!(counts(&came), [0, 0, 0, 5, 0], "{came}");
    // Three of them are the source's: an end and the old key of a row are not.
    assert_eq!((&came["equal"], &came["source_rows"]), (&json!(97), &json!(100)), "{came}");
    // A row that differs is found beside them; one that was changed at both is in flight.
    databases.at_destination("UPDATE words SET w = 'x' WHERE id IN (4, 1)");
    let came = verified(&pipeline, 6, &[]);
    assert_eq!(counts(&came), [0, 0, 1, 5, 0], "{came}");
    assert_eq!(drift_of(&came, 4).as_deref(), Some("different w"), "{came}");
    assert!(pipeline.catch_up().status.success());
    let came = verified(&pipeline, 6, &[]);
    assert_eq!(counts(&came), [0, 0, 1, 0, 0], "{came}");
    // Nothing was confirmed: all of it was told to the run.
    databases.at_destination("UPDATE words SET w = 'w4' WHERE id = 4");
    verified(&pipeline, 0, &[]);
    assert_eq!(databases.differences(), Vec::<String>::new());
}

#[test]
fn an_empty_destination_is_found_however_many_rows_it_lacks() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE words (id int PRIMARY KEY, w text);
         INSERT INTO words SELECT i, 'w' || i FROM generate_series(1, 5000) AS i",
    );
    let pipeline = databases.pipeline();
    assert!(pipeline.catch_up().status.success());
    databases.at_destination("TRUNCATE words");
    let came = verified(&pipeline, 6, &[]);
    assert_eq!(counts(&came), [5000, 0, 0, 0, 0], "{came}");
    assert_eq!(came["samples"].as_array().unwrap().len(), 20, "{came}");
}

#[test]
fn keys_at_the_ends_of_time_are_looked_up_like_others() {
    let databases = Databases::start();
    for (table, keys) in [
        ("days", "'infinity', '-infinity', '5874897-12-31', '4713-01-01 BC', '2024-01-01'"),
        ("moments", "'infinity', '-infinity', '294246-12-31 23:59:59.5', '2024-01-01'"),
    ] {
        let kind = if table == "days" { "date" } else { "timestamptz" };
        databases.at_source(&format!(
            "CREATE TABLE {table} (k {kind} PRIMARY KEY, w text);
             INSERT INTO {table} SELECT k::{kind}, 'w' FROM unnest(ARRAY[{keys}]) AS k"
        ));
    }
    let pipeline = databases.pipeline();
    assert!(pipeline.catch_up().status.success());
    for (table, rows) in [("days", 5), ("moments", 4)] {
        databases.at_destination(&format!("UPDATE {table} SET w = 'other'"));
        let came = verified(&pipeline, 6, &["--table", table]);
        assert_eq!((counts(&came), &came["equal"]), ([0, 0, rows, 0, 0], &json!(0)), "{came}");
        let ended = pipeline.run(&["verify", "--repair", "--table", table]);
        assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    }
    assert_eq!(databases.differences(), Vec::<String>::new());
}

#[test]
fn rows_that_are_marked_as_deleted_are_counted_and_no_more() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE words (id int PRIMARY KEY, w text)");
    databases.at_source("INSERT INTO words SELECT i, 'w' FROM generate_series(1, 600) AS i");
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.tables", json!([{"name": "words", "deletion_strategy": "soft"}]));
    assert!(pipeline.catch_up().status.success());
    databases.at_source("DELETE FROM words WHERE id <= 300");
    assert!(pipeline.catch_up().status.success());
    let came = verified(&pipeline, 0, &[]);
    assert_eq!((&came["equal"], &came["marked_as_deleted"]), (&json!(300), &json!(300)), "{came}");
    // One that is marked and that the source has is missing; one that is not marked any more is too many.
    databases.at_destination("UPDATE words SET is_deleted = id > 301 WHERE id IN (300, 301, 302)");
    let came = verified(&pipeline, 6, &[]);
    assert_eq!(counts(&came), [1, 1, 0, 0, 0], "{came}");
    assert_eq!(drift_of(&came, 302).as_deref(), Some("missing"), "{came}");
    assert_eq!(drift_of(&came, 300).as_deref(), Some("extra"), "{came}");
}

//! What a source does to a table that the configuration has rules for is that table's own matter: it is parked, or
//! goes on, and the others do.

use cartridge_warp_tests::{Databases, Pipeline, rows::sqlite_count};
use serde_json::{Value, json};

/// Two tables, of which `bad` has these settings, copied; a run follows them.
fn shop(settings: Value) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE good (id int PRIMARY KEY); INSERT INTO good VALUES (1);
         CREATE TABLE bad (id int PRIMARY KEY, email text, other int NOT NULL DEFAULT 0);
         INSERT INTO bad VALUES (1, 'a@b')",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.tables", json!([settings]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    (databases, pipeline)
}

fn mask() -> Value {
    json!({"name": "bad", "columns": {"mask": ["email"]}})
}

/// What a source does to `bad` while nobody runs the pipeline, and with what a run ends.
type Case = (&'static str, fn() -> Value, &'static str, i32, &'static str);

const CASES: &[Case] = &[
    ("another name", mask, "ALTER TABLE bad RENAME email TO mail", 3, "names `email`"),
    ("dropped", mask, "ALTER TABLE bad DROP email", 0, "that the source has dropped"),
    (
        "the name of a soft delete's column",
        || json!({"name": "bad", "deletion_strategy": "soft"}),
        "ALTER TABLE bad ADD is_deleted int",
        3,
        "soft deletes write one of this name",
    ),
    (
        "a key that is left out",
        || json!({"name": "bad", "columns": {"exclude": ["other"]}}),
        "ALTER TABLE bad DROP CONSTRAINT bad_pkey, ADD PRIMARY KEY (other, id)",
        3,
        "a column of its key",
    ),
    (
        "two columns of one name",
        || json!({"name": "bad", "columns": {"rename": {"email": "mail"}}}),
        "ALTER TABLE bad ADD mail text",
        3,
        "would be called `mail`",
    ),
];

#[test]
fn a_table_that_no_longer_fits_its_rules_is_parked_and_the_others_go_on() {
    for (case, settings, change, code, words) in CASES {
        let (databases, mut pipeline) = shop(settings());
        databases.at_source(change);
        databases.at_source("INSERT INTO good VALUES (2)");
        let ended = pipeline.catch_up();
        let said = ended.words();
        assert_eq!(ended.status.code(), Some(*code), "{case}: {said}");
        assert!(said.contains(words), "{case}: no {words} in {said}");
        let ids = databases.at_destination("SELECT id FROM good ORDER BY id");
        assert_eq!(ids, ["1", "2"], "{case}");
        // A mistake stops the schema as before.
        pipeline.set("schemas.0.tables.0", json!({"name": "good", "columns": {"mask": ["x"]}}));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(1), "{case}: {}", ended.stderr);
    }
}

#[test]
fn a_column_that_the_destination_dropped_too_needs_no_edit_of_its_rules() {
    let (databases, mut pipeline) = shop(mask());
    pipeline.set(
        "schema_evolution",
        json!({"strategy": "aggressive", "require_approval_for_dangerous_changes": false}),
    );
    databases.at_source("ALTER TABLE bad DROP email; INSERT INTO bad VALUES (2)");
    for _ in 0..2 {
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        assert_eq!(databases.at_destination("SELECT * FROM bad ORDER BY id"), ["1|0", "2|0"]);
    }
}

/// A table that comes by the stream, and that a glob's rules were not made for, stops nobody.
#[test]
fn a_new_table_that_does_not_fit_a_globs_rules_is_parked() {
    let glob = json!({"name": "*", "columns": {"exclude": ["email"]}});
    let (databases, pipeline) = shop(glob);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source(
        "CREATE TABLE people (email text PRIMARY KEY); INSERT INTO people VALUES ('a@b');
         INSERT INTO good VALUES (2)",
    );
    running.wait_for("table parked");
    running.signal(15);
    assert!(running.wait(std::time::Duration::from_secs(60)).status.success());
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT id FROM good ORDER BY id"), ["1", "2"]);
}

/// The tables of keys that a new copy needs would go with the rows of such a table.
#[test]
fn a_table_that_is_called_like_a_table_of_keys_is_not_mixed_up_with_it() {
    let (databases, pipeline) = shop(json!({"name": "good"}));
    databases.at_source(
        "CREATE TABLE _cartridge_keys_good (id int PRIMARY KEY);
         INSERT INTO _cartridge_keys_good VALUES (7)",
    );
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("the names of the tables of keys"), "{}", ended.stderr);
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=good"]);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT id FROM good"), ["1"]);
}

/// Names that the destination cannot have, or that are one to it, are those tables' own matter.
#[test]
fn a_table_whose_name_the_destination_cannot_have_stops_no_other() {
    let mut pipeline = Pipeline::new();
    for table in ["good", "sqlite_one", "sqlite_two"] {
        pipeline.write(&format!("{table}.ndjson"), "{\"id\":1}\n");
    }
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    pipeline.append("good.ndjson", "{\"id\":2}\n");
    pipeline.write("GOOD.ndjson", "{\"id\":7}\n");
    let ended = pipeline.run(&["--output", "json", "run", "--until-caught-up"]);
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    let report: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let code = |table: &str| report["parked"][table]["code"].as_str().unwrap_or("none").to_owned();
    assert_eq!(
        ["GOOD", "good", "sqlite_one", "sqlite_two"].map(code),
        ["unfit-table", "none", "invalid-name", "invalid-name"]
    );
    assert_eq!(sqlite_count(&pipeline.database(), "good"), 2);
    // What the configuration calls a table is its own mistake.
    let named = json!([{"name": "good", "destination_table": "sqlite_good"}]);
    pipeline.set("schemas.0.tables", named);
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
}

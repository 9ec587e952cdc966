//! Failures of a source that are about some of its tables: only these are copied again.

use cartridge_warp_tests::{Databases, Pipeline, rows::sqlite_rows};
use serde_json::{Value, json};

const TABLES: u64 = 2;
const KEYS: u64 = 400;
const CHANGES: u64 = 1000;
const ALL: &str = "copying everything anew";

fn scripted(call: &str, action: &str, tables: &Value, times: u64) -> Pipeline {
    let fault = json!({"call": call, "at": 1, "times": times, "action": action, "tables": tables});
    let options = json!({
        "tables": TABLES, "keys": KEYS, "past": 600, "changes": CHANGES, "faults": [fault],
    });
    let mut pipeline = Pipeline::scripted(options);
    pipeline.set("schemas.0.default_batch_size", json!(100));
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline
}

fn assert_equal(pipeline: &Pipeline, name: &str) {
    for table in 0..TABLES {
        let expected = scripted_source::history::rows(table, CHANGES, TABLES, KEYS);
        let found = sqlite_rows(&pipeline.database(), &format!("t{table}"), "id");
        let row = |row: &cartridge_warp_tests::rows::Row| {
            (row["id"].as_u64().unwrap(), row["value"].as_u64().unwrap())
        };
        assert_eq!(found.iter().map(row).collect::<Vec<_>>(), expected, "{name}: t{table}");
    }
}

#[test]
fn only_what_is_named_is_copied_again() {
    for (name, action, tables, on_lost, words) in [
        ("a change that cannot be told", "reconnect", json!(["t0"]), "fail", "copied again: t0"),
        ("two of them", "reconnect", json!(["t1", "t0", "t1"]), "fail", "copied again: t0, t1"),
        ("nobody's table", "reconnect", json!(["nobody"]), "fail", "trying again"),
        ("one of them is nobody's", "reconnect", json!(["x", "t1"]), "fail", "copied again: t1"),
        ("a lost table", "resync", json!(["t1"]), "resync", "copied again: t1"),
        ("everything is lost", "resync", json!([]), "resync", ALL),
        ("who asks for a pause", "retry", json!(["t0"]), "fail", "trying again"),
    ] {
        let mut pipeline = scripted("get-changes", action, &tables, 1);
        pipeline.set("schemas.0.on_lost_position", json!(on_lost));
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{name}: no {words} in {}", ended.stderr);
        let (again, everything) =
            (ended.stderr.contains("copied again:"), ended.stderr.contains(ALL));
        assert_eq!((again, everything), (words.contains("copied"), words == ALL), "{name}");
        assert_equal(&pipeline, name);
    }
}

#[test]
fn what_is_lost_is_copied_only_where_the_operator_wants_it() {
    // The others go on without it.
    let pipeline = scripted("get-changes", "resync", &json!(["t0"]), 1);
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("table parked"), "{}", ended.stderr);
    let resumed = pipeline.run(&["resume", "t0"]);
    assert!(resumed.status.success(), "{}", resumed.stderr);
    assert!(pipeline.catch_up().status.success());
    assert_equal(&pipeline, "resumed");

    let mut pipeline = scripted("get-changes", "resync", &json!(["t0"]), 1);
    pipeline.set("schemas.0.on_table_failure", json!("stop"));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    for words in ["--full-resync=SCHEMA.TABLE", "on_lost_position: resync"] {
        assert!(ended.stderr.contains(words), "no {words} in {}", ended.stderr);
    }
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "nothing was marked: {}", ended.stderr);
    assert_equal(&pipeline, "afterwards");
}

#[test]
fn a_source_that_loses_a_table_again_and_again_has_an_end() {
    for (action, again) in
        [("resync", "changes are lost: copying tables anew"), ("reconnect", "trying again")]
    {
        let mut pipeline = scripted("get-changes", action, &json!(["t0"]), 1000);
        pipeline.set("schemas.0.on_lost_position", json!("resync"));
        pipeline.set("error_handling.max_resyncs", json!(2));
        pipeline.set("error_handling.max_retries", json!(2));
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(1), "{action}: {}", ended.stderr);
        assert_eq!(ended.stderr.matches(again).count(), 2, "{action}: {}", ended.stderr);
    }
}

/// What happens to table `orders (id, a, b)` in one transaction, with rows before and behind it.
const CHANGES_OF_SHAPE: [&str; 5] = [
    "ALTER TABLE orders RENAME a TO c",
    "ALTER TABLE orders RENAME a TO c; INSERT INTO orders VALUES (8, 'x', 'y');
     ALTER TABLE orders RENAME c TO d",
    "ALTER TABLE orders RENAME a TO c; ALTER TABLE orders RENAME b TO a;
     ALTER TABLE orders RENAME c TO b",
    "ALTER TABLE orders DROP a; ALTER TABLE orders ADD c text",
    // All names of the older rows are known, and one belongs to another column by now.
    "ALTER TABLE orders RENAME a TO c; ALTER TABLE orders ADD a text",
];

fn shop() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, a text, b text);
         INSERT INTO orders SELECT n, 'a' || n, 'b' || n FROM generate_series(1, 5) n;
         CREATE TABLE others (id int PRIMARY KEY); INSERT INTO others VALUES (1)",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("schema_evolution.strategy", json!("permissive"));
    pipeline.set("schema_evolution.require_approval_for_risky_changes", json!(false));
    (databases, pipeline)
}

fn change(databases: &Databases, change: &str) {
    databases.at_source(&format!(
        "BEGIN; UPDATE orders SET a = 'old' WHERE id = 1; INSERT INTO orders VALUES (6, 'p', 'q');
         {change}; INSERT INTO orders VALUES (7, 'r', 's'); DELETE FROM orders WHERE id = 2;
         INSERT INTO others VALUES (2); COMMIT"
    ));
}

/// The transactions that wrote the first rows of the table that nothing happens to.
fn writers(databases: &Databases) -> Vec<String> {
    databases.at_destination("SELECT xmin FROM others WHERE id = 1")
}

#[test]
fn rows_whose_columns_nobody_knows_any_more_are_copied_again() {
    for words in CHANGES_OF_SHAPE {
        let (databases, pipeline) = shop();
        assert!(pipeline.catch_up().status.success());
        let before = writers(&databases);
        change(&databases, words);
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{words}: {}", ended.stderr);
        assert_eq!(databases.differences(), Vec::<String>::new(), "{words}");
        assert_eq!(writers(&databases), before, "{words}: the others are left alone");
    }
}

#[test]
fn one_table_after_the_other_is_copied_again_however_many_there_are() {
    let (databases, pipeline) = shop();
    let each =
        |sql: &str| (1..=6).map(|n| sql.replace("{t}", &format!("t{n}"))).collect::<String>();
    databases.at_source(&each("CREATE TABLE {t} (id int PRIMARY KEY, a text);"));
    assert!(pipeline.catch_up().status.success());
    databases.at_source(&each(
        "ALTER TABLE {t} ADD gone text; INSERT INTO {t} VALUES (1, 'a', 'g'); ALTER TABLE {t} RENAME a TO c;
         ALTER TABLE {t} DROP gone; ALTER TABLE {t} ADD d text; INSERT INTO {t} VALUES (3, 'c');",
    ));
    // More than there are retries.
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.matches("; copied again: t").count() > 3, "{}", ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
}

#[test]
fn a_shape_that_is_to_stay_is_not_copied_again() {
    let (databases, mut pipeline) = shop();
    pipeline.set("schema_evolution.strategy", json!("strict"));
    pipeline.set("schemas.0.on_table_failure", json!("stop"));
    assert!(pipeline.catch_up().status.success());
    // Before and behind it the columns are called alike.
    change(
        &databases,
        "ALTER TABLE orders RENAME a TO c; ALTER TABLE orders ADD a text;
         INSERT INTO orders VALUES (8, 'x', 'y', 'z'); ALTER TABLE orders DROP a, ADD d text;
         ALTER TABLE orders DROP d; ALTER TABLE orders RENAME c TO a",
    );
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    for words in ["schema-change-unapproved", "copying it again", "strategy: strict"] {
        assert!(ended.stderr.contains(words), "no {words} in {}", ended.stderr);
    }
}

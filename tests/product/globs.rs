//! Tables that take their values from globs of the list.

use cartridge_warp_tests::{Databases, Pipeline, rows::sqlite_rows};
use serde_json::json;

#[test]
fn a_tables_rules_are_its_own_and_those_of_globs() {
    let mut pipeline = Pipeline::new();
    for table in ["orders", "items"] {
        let row = "{\"id\":1,\"email\":\"a@b\",\"note\":\"n\",\"card\":\"4\"}\n";
        pipeline.write(&format!("{table}.ndjson"), row);
    }
    pipeline.set(
        "schemas.0.tables",
        json!([
            {"name": "orders", "columns": {"exclude": ["note"]}},
            {"name": "*", "columns": {"mask": ["email", "not_there"], "rename": {"card": "pan"}}},
            {"name": "none_*", "columns": {"mask": ["x"]}},
        ]),
    );
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("`none_*` that matches no table"), "{}", ended.stderr);
    let row = |table: &str| sqlite_rows(&pipeline.database(), table, "id").remove(0);
    for table in ["orders", "items"] {
        assert_eq!((&row(table)["email"], &row(table)["pan"]), (&json!(null), &json!("4")));
    }
    assert!(!row("orders").contains_key("note") && row("items")["note"] == "n");
    // What a table is told by its name it has to have.
    pipeline.set("schemas.0.tables.0.columns", json!({"mask": ["not_there"]}));
    let checked = pipeline.run(&["check"]);
    assert!(checked.stderr.contains("names `not_there`"), "{}", checked.stderr);
}

#[test]
fn an_edited_glob_is_an_edited_rule_also_of_tables_of_the_stream() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE a (id int PRIMARY KEY, email text); INSERT INTO a VALUES (1, 'x')",
    );
    let mut pipeline = databases.pipeline();
    assert!(pipeline.catch_up().status.success());
    databases.at_source(
        "CREATE TABLE b (id int PRIMARY KEY, email text); INSERT INTO b VALUES (1, 'x')",
    );
    pipeline.set("schemas.0.tables", json!([{"name": "*", "columns": {"mask": ["email"]}}]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.stderr.contains("`email` was copied and is redacted"), "{}", ended.stderr);
    let emails =
        "SELECT count(email) || '/' || count(*) FROM (SELECT * FROM a UNION ALL SELECT * FROM b) t";
    assert_eq!(databases.at_destination(emails), ["0/2"]);
}

//! A table that gets another name at its source, where the configuration speaks of it by the old one.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);

fn shop(key: &str, value: &Value) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, card text); INSERT INTO orders VALUES (1, '4711');
         CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    pipeline.set(key, value.clone());
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    (databases, pipeline)
}

fn assert_said(ended: &Ended, code: i32, key: &str, help: &str) {
    assert_eq!(ended.status.code(), Some(code), "{key}: {}", ended.stderr);
    let words = [&format!("`{key}` names `orders`"), "`invoices` by now", help];
    let said = ended.stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    for words in words {
        assert!(said.contains(words), "{key}: no {words} in {said}");
    }
}

#[test]
fn what_the_configuration_says_of_it_is_not_lost_in_silence() {
    let rules = |name: &str| json!([{"name": name, "columns": {"exclude": ["card"]}}]);
    let list = |name: &str| json!([name, "items"]);
    let value = |key: &str, name: &str| if key == "tables" { rules(name) } else { list(name) };
    for key in ["tables", "table_whitelist"] {
        let place = &format!("schemas.0.{key}");
        for is_running in [false, true] {
            let (databases, mut pipeline) = shop(place, &value(key, "orders"));
            let rename =
                "ALTER TABLE orders RENAME TO invoices; INSERT INTO invoices VALUES (2, '12')";
            let ended = if is_running {
                let mut running = pipeline.start();
                running.wait_for("following changes");
                databases.at_source(rename);
                running.wait(PATIENCE)
            } else {
                databases.at_source(rename);
                pipeline.catch_up()
            };
            assert_said(&ended, 1, key, "write `invoices` instead");
            assert_said(&pipeline.run(&["check"]), 2, key, "write `invoices` instead");
            let tables = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class \
                          WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
            assert_eq!(databases.at_destination(tables), ["items orders"], "{key}: nothing leaked");
            pipeline.set(place, value(key, "invoices"));
            let ended = pipeline.catch_up();
            assert!(ended.status.success(), "{key}: {}", ended.stderr);
            let ids = databases.at_destination("SELECT id FROM invoices ORDER BY id");
            assert_eq!(ids, ["1", "2"], "{key}");
        }
    }
}

#[test]
fn a_table_that_nothing_is_said_of_is_copied_under_its_new_name() {
    let (databases, pipeline) = shop("schemas.0.tables", &json!([{"name": "items"}]));
    databases
        .at_source("ALTER TABLE orders RENAME TO invoices; INSERT INTO invoices VALUES (2, '12')");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
    assert_eq!(databases.at_destination("SELECT id FROM orders"), ["1"], "it is kept as it was");
}

#[test]
fn two_tables_that_change_places_are_judged_by_what_they_are() {
    let (databases, mut pipeline) =
        shop("schemas.0.tables", &json!([{"name": "orders", "columns": {"exclude": ["card"]}}]));
    databases.at_source(
        "CREATE TABLE fresh (id int PRIMARY KEY, card text); INSERT INTO fresh VALUES (7, '9');
         ALTER TABLE orders RENAME TO invoices; ALTER TABLE fresh RENAME TO orders",
    );
    assert_said(&pipeline.catch_up(), 1, "tables", "what holds for `invoices`");
    pipeline.set(
        "schemas.0.tables",
        json!([
            {"name": "orders", "columns": {"exclude": ["card"]}},
            {"name": "invoices", "columns": {"exclude": ["card"]}},
        ]),
    );
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=public.orders"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let ids = "SELECT 'i' || id FROM invoices UNION SELECT 'o' || id FROM orders ORDER BY 1";
    assert_eq!(databases.at_destination(ids), ["i1", "o7"]);
}

#[test]
fn a_name_that_was_given_to_a_newer_table_may_stay_in_a_list() {
    let (databases, pipeline) = shop("schemas.0.table_whitelist", &json!(["orders", "items"]));
    databases.at_source(
        "ALTER TABLE orders RENAME TO orders_2024;
         CREATE TABLE orders (id int PRIMARY KEY, card text); INSERT INTO orders VALUES (7, '9')",
    );
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=public.orders"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT id FROM orders"), ["7"]);
}

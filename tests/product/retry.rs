//! `dlq retry`: dead letters are written again with their rows as they are at the source by then.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, rows::sqlite_query};
use serde_json::{Value, json};

fn retry(pipeline: &Pipeline, arguments: &[&str]) -> Ended {
    let all = [&["--output", "json", "dlq", "retry"], arguments].concat();
    Running::start(pipeline.command(&all)).wait(Duration::from_secs(120))
}

/// What came of all letters, with this exit code.
fn retried(pipeline: &Pipeline, code: i32, arguments: &[&str]) -> Value {
    let ended = retry(pipeline, arguments);
    let said = [ended.stdout.as_str(), &ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn letters(pipeline: &Pipeline, status: &str) -> Vec<Value> {
    let ended = pipeline.run(&["--output", "json", "dlq", "list", "--status", status]);
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const CHECKED: &str = "CHECK (note <> 'bad')";

fn table(name: &str, checked: &str) -> String {
    format!(
        "CREATE TABLE {name} (shop int, id text, note text {checked}, n numeric(8, 2), large text, \
         PRIMARY KEY (shop, id));"
    )
}

/// Rows of which some are refused: `bad` ones by the destination, `NaN` at the source.
fn to_postgresql() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(&table("orders", ""));
    databases.at_destination(&table("orders", CHECKED));
    let pipeline = databases.pipeline();
    (databases, pipeline)
}

fn to_sqlite() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(&table("orders", ""));
    let mut pipeline = databases.pipeline();
    pipeline.set("destination", json!({"type": "sqlite", "connection_string": "./shop.db"}));
    std::fs::write(pipeline.database(), "").unwrap();
    sqlite_query(&pipeline.database(), &table("orders", CHECKED).replace("int,", "INTEGER,"));
    (databases, pipeline)
}

/// The rows at the destination, as text.
fn rows(databases: &Databases, pipeline: &Pipeline) -> Vec<String> {
    let sql = "SELECT id || ' ' || note AS row FROM orders ORDER BY shop, id";
    if pipeline.config["destination"]["type"] == "postgresql" {
        return databases.at_destination(sql);
    }
    let rows = sqlite_query(&pipeline.database(), sql);
    rows.iter().map(|row| row["row"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn letters_are_settled_by_their_rows_of_now() {
    for (name, (databases, pipeline)) in [("postgresql", to_postgresql()), ("sqlite", to_sqlite())]
    {
        databases.at_source(
            "INSERT INTO orders VALUES (1, 'a\"b', 'bad', 1), (1, 'gone', 'bad', 1),
                 (1, 'still', 'bad', 1), (2, 'number', 'fine', 'NaN'), (2, 'good', 'good', 1)",
        );
        let ended = pipeline.catch_up();
        assert_eq!(ended.status.code(), Some(4), "{name}: {}", ended.stderr);
        let open = letters(&pipeline, "open");
        let mut keys: Vec<&str> = open.iter().map(|it| it["key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        let expected = [
            r#"{"shop":"1","id":"a\"b"}"#,
            r#"{"shop":"1","id":"gone"}"#,
            r#"{"shop":"1","id":"still"}"#,
            r#"{"shop":"2","id":"number"}"#,
        ];
        assert_eq!(keys, expected, "{name}");
        // The destination keeps an older row of a key that is gone by now.
        databases.at_source(
            "UPDATE orders SET note = 'mended' WHERE id = 'a\"b'; DELETE FROM orders WHERE id = 'gone';
             UPDATE orders SET n = 5 WHERE id = 'number'; UPDATE orders SET n = 2 WHERE id = 'still'",
        );
        let came = retried(&pipeline, 4, &["--all"]);
        assert_eq!(came["resolved"], 3, "{name}: {came}");
        assert_eq!((&came["gone_at_source"], &came["refused"]), (&json!(1), &json!(1)), "{name}");
        assert_eq!(came["refusals"][0]["code"], "constraint", "{name}: {came}");
        assert_eq!(came["refusals"][0]["count"], 2, "{name}: {came}");
        assert_eq!(
            rows(&databases, &pipeline),
            ["a\"b mended", "good good", "number fine"],
            "{name}"
        );
        let still = letters(&pipeline, "open");
        assert_eq!(still.len(), 1, "{name}: it is no letter more: {still:?}");
        assert_eq!(still[0]["key"], expected[2], "{name}");
        let settled = letters(&pipeline, "resolved");
        assert_eq!(settled.len(), 3, "{name}: {settled:?}");
        let words = settled[0]["resolution"].as_str().unwrap();
        assert!(words.ends_with(": tried again"), "{name}: {words}");
        // Again, it changes nothing; nor does the run, which tells what was written already.
        assert_eq!(retried(&pipeline, 4, &["--code", "constraint"])["resolved"], 0, "{name}");
        databases.at_source("UPDATE orders SET note = 'mended' WHERE id = 'still'");
        assert_eq!(retried(&pipeline, 0, &["--table", "orders"])["resolved"], 1, "{name}");
        assert_eq!(retried(&pipeline, 0, &["--all"])["resolved"], 0, "{name}");
        let ended = pipeline.catch_up();
        assert_eq!(letters(&pipeline, "open").len(), 1, "{name}: {}", ended.stderr);
        let all = ["a\"b mended", "still mended", "good good", "number fine"];
        assert_eq!(rows(&databases, &pipeline), all, "{name}: {}", ended.stderr);
    }
}

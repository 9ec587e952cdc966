//! A table is copied again while its rows stay: readers never find fewer, and in the end nothing is left over.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::{scope, sleep},
    time::Duration,
};

use cartridge_warp_tests::{Databases, Pipeline, Running, rows::sqlite_query};
use serde_json::json;

const ROWS: usize = 20_000;
/// Whether the new copy is under way.
const UNDER_WAY: &str = "SELECT 1 FROM pg_tables WHERE tablename = '_cartridge_keys_orders'";

/// `orders` with rows, copied; the pipeline is not running.
fn copied(rows: usize) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(&format!(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, {rows}) n"
    ));
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "full_load_batch_size": 500}]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    (databases, pipeline)
}

/// The fewest rows that somebody found who looked again and again until `work` was done.
fn fewest_during(databases: &Databases, work: impl FnOnce()) -> usize {
    let done = AtomicBool::new(false);
    scope(|scope| {
        let reader = scope.spawn(|| {
            let mut fewest = usize::MAX;
            while !done.load(Ordering::Relaxed) {
                let count = databases.at_destination("SELECT count(*) FROM orders");
                fewest = fewest.min(count[0].parse().unwrap());
            }
            fewest
        });
        work();
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    })
}

#[test]
fn readers_never_find_fewer_rows_however_often_it_is_killed() {
    let (databases, pipeline) = copied(ROWS);
    databases.at_destination(
        "UPDATE orders SET note = 'spoilt'; INSERT INTO orders VALUES (-1, 'nobody''s')",
    );
    let fewest = fewest_during(&databases, || {
        let mut running = Running::start(pipeline.command(&["run", "--full-resync=orders"]));
        while databases.at_destination(UNDER_WAY).is_empty() {
            sleep(Duration::from_millis(2));
        }
        let mut in_copy = 0;
        for kill in 1..=6_u64 {
            sleep(Duration::from_millis(30 * kill));
            databases.at_source(&format!(
                "DELETE FROM orders WHERE id = {kill}; INSERT INTO orders VALUES (-10 - {kill}, 'new');
                 UPDATE orders SET note = 'u{kill}' WHERE id % 13 = {kill}"
            ));
            in_copy += usize::from(!databases.at_destination(UNDER_WAY).is_empty());
            running.kill();
            running = pipeline.start();
            running.wait_for("serving metrics");
        }
        assert!(in_copy > 0, "no kill met the copy");
        running.kill();
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
    });
    assert_eq!(databases.difference(), None);
    assert!(databases.at_destination(UNDER_WAY).is_empty(), "the keys are left");
    // Six went at the source.
    assert!(fewest >= ROWS - 6, "somebody found {fewest} rows of {ROWS}");
}

/// So that nobody finds what new rules keep away, or a row that is in the way of another.
#[test]
fn a_table_is_emptied_where_its_rows_cannot_stay() {
    for (what, rules, constraint, words) in [
        ("other rules", json!({"mask": ["note"]}), "", "copied by other rules"),
        (
            "a unique column",
            json!({}),
            "CREATE UNIQUE INDEX notes ON orders (note)",
            "its index notes",
        ),
    ] {
        let (databases, mut pipeline) = copied(3000);
        databases.at_destination(constraint);
        databases.at_destination("INSERT INTO orders VALUES (-1, 'in the way')");
        databases.at_source("INSERT INTO orders VALUES (0, 'in the way')");
        pipeline.set("schemas.0.tables.0.columns", rules);
        let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=orders"]);
        assert!(ended.status.success(), "{what}: {}", ended.stderr);
        // What the operator asks for anyway needs no words about rules.
        assert!(what == "other rules" || ended.stderr.contains(words), "{what}: {}", ended.stderr);
        assert!(databases.at_destination(UNDER_WAY).is_empty(), "{what}: the keys are left");
        let rows = databases.at_destination("SELECT count(*), min(id), max(note) FROM orders");
        let notes = if what == "other rules" { "null" } else { "note 999" };
        assert_eq!(rows, [format!("3001|0|{notes}")], "{what}");
    }
}

/// The same in a file, where deletes are marks.
#[test]
fn rows_of_an_sqlite_file_stay_too() {
    let mut pipeline = Pipeline::new();
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "deletion_strategy": "soft"}]));
    pipeline.write("orders.ndjson", "{\"id\":1,\"note\":\"a\"}\n{\"id\":2,\"note\":\"b\"}\n");
    assert!(pipeline.catch_up().status.success());
    let database = pipeline.database();
    sqlite_query(&database, "UPDATE orders SET note = 'spoilt' WHERE id = 1");
    sqlite_query(&database, "INSERT INTO orders (id, note) VALUES (3, 'nobody''s')");
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=orders"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let rows = sqlite_query(&database, "SELECT id, note, is_deleted FROM orders ORDER BY id");
    let rows = serde_json::to_value(rows).unwrap();
    assert_eq!(rows.to_string().matches("\"is_deleted\":1").count(), 1, "{rows}");
    assert!(rows.to_string().contains("\"note\":\"a\""), "{rows}");
    let keys = sqlite_query(&database, "SELECT name FROM sqlite_schema WHERE name LIKE '%keys%'");
    assert!(keys.is_empty(), "{keys:?}");
}

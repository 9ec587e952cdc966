//! The end of a pipeline: what it has at its source and its state go, once somebody says so.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, rows::sqlite_query, wait_until};
use serde_json::{Value, json};

/// Two tables that were copied; one of them goes to a table that was there before.
fn copied() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         CREATE TABLE items (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 100) n;
         INSERT INTO items SELECT * FROM orders",
    );
    let pipeline = databases.pipeline();
    said(&pipeline.catch_up(), 0, &[]);
    (databases, pipeline)
}

fn said(ended: &Ended, status: i32, words: &[&str]) {
    let said = format!("{}\n{}", ended.stdout, ended.words());
    assert_eq!(ended.status.code(), Some(status), "{said}");
    for words in words {
        assert!(said.contains(words), "no {words:?} in: {said}");
    }
}

fn teardown(pipeline: &Pipeline, flags: &[&str]) -> Ended {
    pipeline.run(&[&["teardown"], flags].concat())
}

/// Slots and publications of the source, and what is stored at the destination beside epochs.
fn left(databases: &Databases) -> (Vec<String>, Vec<String>) {
    let made =
        "SELECT slot_name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication";
    let stored = "SELECT stream FROM cartridge_warp_metadata.sync_markers ORDER BY 1";
    let made = databases.at_source(made);
    (made, databases.at_destination(stored))
}

#[test]
fn it_shows_asks_and_removes_all_but_the_tables() {
    let (databases, pipeline) = copied();
    let slot = "source: replication slot cartridge_warp_shop_public";
    let publication = "source: publication cartridge_warp_public";
    let state = "the state of 2 tables: items, orders";
    let before = left(&databases);
    // Nobody is there to be asked.
    let shown = ["would be removed", slot, publication, state, "teardown-unconfirmed", "--yes"];
    said(&teardown(&pipeline, &[]), 2, &shown);
    assert_eq!(left(&databases), before);
    said(&pipeline.catch_up(), 0, &[]);
    said(&teardown(&pipeline, &["--yes"]), 0, &["public: removed", slot, publication, state]);
    assert_eq!(left(&databases), (vec![], vec![]));
    assert_eq!(databases.difference(), None, "the tables stay");
    let again = teardown(&pipeline, &["--yes"]);
    said(&again, 0, &["public: nothing is left"]);
    said(&teardown(&pipeline, &[]), 0, &["public: nothing is left"]);
    // It may begin anew.
    databases.at_source("DELETE FROM orders WHERE id = 7");
    said(&pipeline.run(&["run", "--until-caught-up", "--full-resync"]), 0, &[]);
    assert_eq!(databases.difference(), None);
}

#[test]
fn a_script_is_told_in_json_what_went() {
    let (databases, mut pipeline) = copied();
    databases.at_source("SELECT pg_drop_replication_slot('cartridge_warp_shop_public')");
    databases.at_source("SELECT pg_create_logical_replication_slot('mine', 'pgoutput')");
    pipeline.set("source.options", json!({"slot": "mine"}));
    let told = |flags: &[&str], code| {
        let ended = teardown(&pipeline, flags);
        said(&ended, code, &[]);
        serde_json::from_str::<Value>(ended.stdout.lines().next().unwrap()).unwrap()
    };
    let mut wanted = json!({
        "schema": "public", "removed": false, "held": false,
        "source": {
            "dropped": ["publication cartridge_warp_public"],
            "kept": ["replication slot mine: `options.slot` names it"],
        },
        "destination": {"state": true, "tables": ["items", "orders"]},
    });
    assert_eq!(told(&["--output", "json"], 2), wanted);
    wanted["removed"] = json!(true);
    assert_eq!(told(&["--output", "json", "--yes"], 0), wanted);
    assert_eq!(left(&databases), (vec!["mine".to_owned()], vec![]));
}

#[test]
fn each_schema_of_a_pipeline_is_removed_at_once() {
    let (databases, mut pipeline) = copied();
    databases.at_source("CREATE SCHEMA stock; CREATE TABLE stock.t (id int PRIMARY KEY)");
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", json!(null));
    pipeline.set("schemas", json!([{"name": "public"}, {"name": "stock"}]));
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!(left(&databases).0.len(), 4);
    said(&teardown(&pipeline, &["--yes"]), 0, &["public: removed", "stock: removed"]);
    assert_eq!(left(&databases), (vec![], vec![]));
}

#[test]
fn a_schema_that_a_run_holds_is_left_alone_unless_it_is_taken_over() {
    let (databases, pipeline) = copied();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    said(&teardown(&pipeline, &["--yes"]), 1, &["schema-held", "--take-over"]);
    // Shown all the same, and not asked in vain.
    said(&teardown(&pipeline, &[]), 1, &["a run holds it", "schema-held"]);
    drop(running.kill());
    let slot = "SELECT count(*) FROM pg_replication_slots WHERE active";
    wait_until("the slot is free", || databases.at_source(slot) == ["0"]);
    said(&teardown(&pipeline, &["--yes"]), 1, &["schema-held"]);
    said(&teardown(&pipeline, &["--yes", "--take-over"]), 0, &["public: removed"]);
    assert_eq!(left(&databases), (vec![], vec![]));
}

#[test]
fn one_that_could_not_reach_its_slot_is_finished_by_the_next() {
    let (databases, pipeline) = copied();
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let slot = "SELECT count(*) FROM pg_replication_slots WHERE active";
    wait_until("the slot is read", || databases.at_source(slot) == ["1"]);
    // The run goes on reading: it only learns that it is fenced when it writes.
    said(&teardown(&pipeline, &["--yes", "--take-over"]), 1, &["slot-busy"]);
    databases.at_source("INSERT INTO orders VALUES (1000, 'late')");
    said(&running.wait(Duration::from_secs(60)), 5, &["fenced"]);
    let (made, stored) = left(&databases);
    assert_eq!((made.len(), stored.contains(&"changes".to_owned())), (2, true), "{stored:?}");
    assert_eq!(databases.at_destination("SELECT count(*) FROM orders"), ["100"]);
    wait_until("the slot is free", || databases.at_source(slot) == ["0"]);
    said(&teardown(&pipeline, &["--yes", "--take-over"]), 0, &["public: removed"]);
    assert_eq!(left(&databases), (vec![], vec![]));
}

#[test]
fn a_source_that_keeps_nothing_has_only_its_state_removed() {
    let pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    said(&teardown(&pipeline, &[]), 0, &["shop: nothing is left"]);
    said(&pipeline.catch_up(), 0, &[]);
    said(&teardown(&pipeline, &["--yes"]), 0, &["the state of 1 table: orders"]);
    let markers = "SELECT count(*) AS n FROM cartridge_warp_metadata_sync_markers";
    assert_eq!(sqlite_query(&pipeline.database(), markers)[0]["n"], json!(0));
    assert_eq!(sqlite_query(&pipeline.database(), "SELECT id FROM orders").len(), 1);
}

//! What an operator does to single tables of a pipeline that stands still: pause, resume, resync, status.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, patience::wait_until, rows::sqlite_query};
use serde_json::{Value, json};

/// Two tables, copied.
fn copied() -> Pipeline {
    let pipeline = Pipeline::new();
    for table in ["items", "orders"] {
        pipeline.write(&format!("{table}.ndjson"), "{\"id\":1,\"note\":\"first\"}\n");
    }
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    pipeline
}

fn add(pipeline: &Pipeline, id: u64) {
    for table in ["items", "orders"] {
        pipeline
            .append(&format!("{table}.ndjson"), &format!("{{\"id\":{id},\"note\":\"more\"}}\n"));
    }
}

fn ids(pipeline: &Pipeline, table: &str) -> Vec<u64> {
    let rows = sqlite_query(&pipeline.database(), &format!("SELECT id FROM {table} ORDER BY id"));
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

fn states(pipeline: &Pipeline) -> Vec<(String, String)> {
    let ended = pipeline.run(&["--output", "json", "status"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    let tables = status["tables"].as_object().unwrap();
    let word = |state: &Value| state["state"].as_str().unwrap().to_owned();
    tables.iter().map(|(table, state)| (table.clone(), word(state))).collect()
}

fn said(ended: &Ended, code: i32, words: &[&str]) {
    let said = [ended.stdout.as_str(), &ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

fn pair(items: &str, orders: &str) -> Vec<(String, String)> {
    [("items", items), ("orders", orders)].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec()
}

#[test]
fn a_table_whose_name_has_a_comma_is_named_as_it_is() {
    let pipeline = copied();
    pipeline.write("a,b.ndjson", "{\"id\":1}\n");
    assert!(pipeline.catch_up().status.success());
    said(&pipeline.run(&["pause", "a,b"]), 1, &["no table `a`"]);
    let paused = pipeline.run(&["pause", "--table", "a,b", "orders,items"]);
    said(&paused, 0, &["a,b", "items", "orders"]);
    let words = states(&pipeline);
    assert!(words.len() == 3 && words.iter().all(|(_, state)| state == "paused"), "{words:?}");
    said(&pipeline.run(&["resume", "--table", "a,b"]), 0, &["a,b"]);
    let again = states(&pipeline).into_iter().find(|(table, _)| table == "a,b").unwrap();
    assert_eq!(again.1, "again");
}

#[test]
fn a_paused_table_is_passed_over_and_comes_back_whole() {
    let pipeline = copied();
    assert_eq!(states(&pipeline), pair("streaming", "streaming"));
    let paused = pipeline.run(&["--output", "human", "pause", "orders"]);
    said(&paused, 0, &["shop.orders: paused (was streaming)"]);
    assert_eq!(states(&pipeline), pair("streaming", "paused"));
    add(&pipeline, 2);
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!((ids(&pipeline, "items"), ids(&pipeline, "orders")), (vec![1, 2], vec![1]));
    // Once more is no error, and no other state.
    said(&pipeline.run(&["pause", "shop.orders"]), 0, &["(was paused)"]);

    said(&pipeline.run(&["resume", "orders"]), 0, &["again (was paused)"]);
    said(&pipeline.run(&["resume", "orders"]), 1, &["neither parked nor paused"]);
    add(&pipeline, 3);
    said(&pipeline.catch_up(), 0, &["these tables begin anew in the stream"]);
    assert_eq!(ids(&pipeline, "orders"), [1, 2, 3]);
    assert_eq!(states(&pipeline), pair("streaming", "streaming"));
}

#[test]
fn a_table_is_copied_again_by_order_and_only_that_one() {
    let pipeline = copied();
    let database = rusqlite::Connection::open(pipeline.database()).unwrap();
    // What somebody else did to both is gone in the one that is copied again.
    for table in ["items", "orders"] {
        database.execute(&format!("INSERT INTO {table} (id) VALUES (99)"), []).unwrap();
    }
    drop(database);
    said(&pipeline.run(&["resync", "orders"]), 0, &["again (was streaming)"]);
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!((ids(&pipeline, "items"), ids(&pipeline, "orders")), (vec![1, 99], vec![1]));
}

#[test]
fn a_parked_table_is_resumed() {
    let mut pipeline = copied();
    pipeline.set("error_handling.dead_letter_queue", json!(false));
    pipeline.append("orders.ndjson", "{\"id\":\n");
    add(&pipeline, 2);
    said(&pipeline.catch_up(), 3, &["cartridge-warp resume shop.orders"]);
    let status = pipeline.run(&["--output", "human", "status"]);
    said(&status, 0, &["orders: parked since", "(row-refused)", "help:", "items: streaming"]);
    pipeline.write("orders.ndjson", "{\"id\":1,\"note\":\"mended\"}\n");
    // All that are left out, without names.
    said(&pipeline.run(&["resume"]), 0, &["again (was parked)"]);
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!((ids(&pipeline, "items"), ids(&pipeline, "orders")), (vec![1, 2], vec![1]));
}

#[test]
fn what_a_run_holds_is_left_alone() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE items (id int PRIMARY KEY); CREATE TABLE orders (id int PRIMARY KEY)",
    );
    let mut pipeline = databases.pipeline();
    // A run that cannot be reached, as one of another machine.
    pipeline.set("control.enabled", json!(false));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    said(&pipeline.run(&["pause", "orders"]), 1, &["schema-held", "--take-over"]);
    assert_eq!(states(&pipeline), pair("streaming", "streaming"));
    // A process that is gone gave nothing back.
    running.kill();
    said(&pipeline.run(&["pause", "orders"]), 1, &["schema-held"]);
    said(&pipeline.run(&["pause", "--take-over", "orders"]), 0, &["paused (was streaming)"]);

    let mut running = pipeline.start();
    running.wait_for("following changes");
    // What cannot be done, or is done already, disturbs nobody.
    let take_over = |verb, table| pipeline.run(&[verb, "--take-over", table]);
    said(&take_over("resume", "items"), 1, &["neither parked nor paused"]);
    said(&take_over("pause", "absent"), 1, &["no table `absent`"]);
    said(&take_over("pause", "orders"), 0, &["paused (was paused)"]);
    databases.at_source("INSERT INTO items VALUES (0)");
    wait_until("the run goes on", || databases.at_destination("SELECT id FROM items") == ["0"]);
    said(&take_over("resume", "orders"), 0, &["again (was paused)"]);
    databases.at_source("INSERT INTO items VALUES (1); INSERT INTO orders VALUES (1)");
    said(&running.wait(Duration::from_secs(120)), 5, &["fenced"]);
    said(&pipeline.catch_up(), 0, &[]);
    assert_eq!(databases.difference(), None);
}

#[test]
fn orders_that_make_no_sense_are_refused_with_words() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1,\"note\":\"first\"}\n");
    said(&pipeline.run(&["pause", "orders"]), 1, &["has no state at the destination yet"]);
    said(&pipeline.catch_up(), 0, &[]);
    said(&pipeline.run(&["pause", "order"]), 1, &["no table `order`", "status"]);
    said(&pipeline.run(&["pause"]), 2, &["TABLES"]);
    said(&pipeline.run(&["resume"]), 0, &[]);
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_mode": "append"}]));
    said(&pipeline.run(&["pause", "orders"]), 1, &["is a log", "--full-resync=shop.orders"]);
    pipeline.set("name", json!("another"));
    said(&pipeline.run(&["pause", "orders"]), 1, &["another-pipeline"]);
    said(&pipeline.run(&["status"]), 1, &["another-pipeline"]);
}

#[test]
fn a_name_is_that_table_whatever_it_looks_like() {
    let pipeline = copied();
    for table in ["[items]", "{a}", "true"] {
        pipeline.write(&format!("{table}.ndjson"), "{\"id\":1}\n");
    }
    said(&pipeline.catch_up(), 0, &[]);
    for table in ["[items]", "{a}", "true"] {
        let order = |order: &str| pipeline.run(&["--output", "human", order, table]);
        said(&order("pause"), 0, &[&format!("shop.{table}: paused (was streaming)")]);
        let paused: Vec<String> = states(&pipeline)
            .into_iter()
            .filter_map(|(table, state)| (state == "paused").then_some(table))
            .collect();
        assert_eq!(paused, [table]);
        said(&order("resume"), 0, &[&format!("shop.{table}: again")]);
    }
    let again = ["run", "--until-caught-up", "--full-resync=[items],{a}"];
    said(&pipeline.run(&again), 0, &[]);
    assert!(states(&pipeline).iter().all(|(_, state)| state == "streaming"));
    said(&pipeline.run(&["pause", ""]), 2, &["TABLES"]);
}

//! Orders to a running pipeline about more than states: changes of shape are decided, tables are forgotten.

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, patience::wait_until};
use serde_json::{Value, json};

/// Two tables with a row, on real servers, and a run that follows them.
fn following(edit: impl Fn(&mut Pipeline)) -> (Databases, Pipeline, Running) {
    let databases = Databases::start();
    for table in ["items", "orders"] {
        databases.at_source(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, note text); INSERT INTO {table} VALUES (1, 'a')"
        ));
    }
    let mut pipeline = databases.pipeline();
    edit(&mut pipeline);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    (databases, pipeline, running)
}

fn said(ended: &Ended, code: i32, words: &[&str]) {
    let said = [ended.stdout.as_str(), &ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}

fn tables(pipeline: &Pipeline) -> Value {
    let ended = pipeline.run(&["--output", "json", "status"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(status["running"]["process"].is_u64(), "a run answers: {status}");
    status["tables"].clone()
}

#[test]
fn a_change_of_shape_is_approved_in_the_running_pipeline() {
    let (databases, pipeline, running) =
        following(|pipeline| pipeline.set("schema_evolution.strategy", json!("strict")));
    databases.at_source("ALTER TABLE orders ADD w text; INSERT INTO orders VALUES (2, 'b', 'w')");
    wait_until("it waits for a person", || {
        tables(&pipeline)["orders"]["code"] == "schema-change-unapproved"
    });
    let decide = |word: &str, column: &str| {
        let verb = ["--output", "human", "schema", word, "orders", "--column", column];
        pipeline.run(&verb)
    };
    said(&decide("approve", "absent"), 1, &["nothing of table `orders` waits for that"]);
    said(&decide("approve", "w"), 0, &["`w` as text approved in the running pipeline"]);
    wait_until("both are equal", || databases.difference().is_none());
    assert_eq!(databases.at_destination("SELECT w FROM orders WHERE id = 2"), ["w"]);
    // The other table's rows came meanwhile, by the same process.
    databases.at_source("INSERT INTO items VALUES (2, 'b')");
    wait_until("it follows", || databases.difference().is_none());
    drop(running);
}

#[test]
fn a_table_that_the_lists_leave_out_is_dropped_by_the_run() {
    let (databases, mut pipeline, _running) = following(|_| {});
    let drop = |pipeline: &Pipeline| pipeline.run(&["--output", "human", "drop", "orders"]);
    said(&drop(&pipeline), 1, &["is selected, so the next run would copy it again"]);
    assert_eq!(databases.at_destination("SELECT id FROM orders"), ["1"]);
    pipeline.set("schemas.0.table_blacklist", json!(["orders"]));
    said(&pipeline.run(&["reload"]), 0, &["all schemas begin again with it"]);
    said(&drop(&pipeline), 0, &["forgotten in the running pipeline, removed at the destination"]);
    assert_eq!(databases.try_at_destination("SELECT id FROM orders"), None);
    databases.at_source("INSERT INTO items VALUES (2, 'b'); INSERT INTO orders VALUES (2, 'b')");
    let has = || databases.at_destination("SELECT count(*) FROM items") == ["2"];
    wait_until("the other one goes on", has);
    assert!(tables(&pipeline)["orders"].is_null());
}

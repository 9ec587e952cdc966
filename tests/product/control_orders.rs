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

/// What a process has used of its processors.
fn cpu_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn an_order_for_a_schema_that_waits_for_its_turn_keeps_nobody_busy() {
    let databases = Databases::start();
    databases.at_source("CREATE SCHEMA a; CREATE SCHEMA b");
    for table in ["a.t", "b.t"] {
        databases.at_source(&format!("CREATE TABLE {table} (id int PRIMARY KEY)"));
        databases.at_source(&format!("INSERT INTO {table} VALUES (1)"));
    }
    let mut pipeline = databases.pipeline();
    pipeline.set("mode", json!("multi"));
    pipeline.set("single_schema_name", Value::Null);
    pipeline.set("schemas", json!([{"name": "a"}, {"name": "b"}]));
    pipeline.set("limits", json!({"starts": 1}));
    assert!(pipeline.catch_up().status.success());
    // Whichever has the turn cannot read its table, and keeps it for seconds.
    let mut locked = databases.session_at_source();
    locked.write("BEGIN; LOCK TABLE a.t, b.t IN ACCESS EXCLUSIVE MODE;");
    let locks = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted";
    wait_until("they are locked", || databases.at_source(locks) == ["2"]);
    let mut running = Running::start(pipeline.command(&["run", "--full-resync=a.t,b.t"]));
    running.wait_for("taking orders");
    std::thread::scope(|scope| {
        let order = scope.spawn(|| pipeline.run(&["--output", "human", "pause", "a.t", "b.t"]));
        std::thread::sleep(std::time::Duration::from_millis(1500));
        assert!(!order.is_finished(), "one of them waits");
        let before = cpu_ticks(running.id());
        std::thread::sleep(std::time::Duration::from_secs(2));
        let used = cpu_ticks(running.id()) - before;
        assert!(used < 60, "{used} hundredths of a second within two seconds");
        locked.close();
        said(&order.join().unwrap(), 0, &["a.t: paused", "b.t: paused"]);
    });
}

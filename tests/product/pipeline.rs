//! Rows get where they belong, once, in every mode.

use std::time::Duration;

use cartridge_warp_tests::{Pipeline, Running, Shop, rows};
use serde_json::json;

fn shop(seed: u64) -> (Pipeline, Shop) {
    let mut pipeline = Pipeline::new();
    pipeline.set("schemas.0.tables", json!([{"name": "events", "write_mode": "append"}]));
    (pipeline, Shop::new(seed))
}

#[test]
fn a_snapshot_and_the_changes_after_it_make_an_exact_copy() {
    let (pipeline, mut shop) = shop(1);
    shop.open(&pipeline, 3000, 500, 800);
    let first = pipeline.catch_up();
    assert!(first.status.success(), "{}", first.stderr);
    assert_eq!(shop.difference(&pipeline), None);

    shop.trade(&pipeline, 1000);
    let second = pipeline.catch_up();
    assert!(second.status.success(), "{}", second.stderr);
    assert_eq!(shop.difference(&pipeline), None);
}

#[test]
fn changes_arrive_while_it_runs_and_a_signal_ends_it_in_order() {
    let (pipeline, mut shop) = shop(2);
    shop.open(&pipeline, 500, 100, 100);
    let mut running = pipeline.start();
    running.wait_for("snapshot complete");
    for _ in 0..10 {
        shop.trade(&pipeline, 100);
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(1500));
    running.signal(15);
    let ended = running.wait(Duration::from_secs(20));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(shop.difference(&pipeline), None);
}

#[test]
fn a_signal_while_connectors_are_compiled_ends_the_run_in_order() {
    for (signal, arguments) in [(15, vec!["run"]), (2, vec!["run", "--until-caught-up"])] {
        let mut pipeline = Pipeline::new();
        pipeline.write("t.csv", "id\n1\n");
        // Where nothing is compiled yet.
        pipeline.set("state_dir", json!(pipeline.path("state")));
        let mut running = Running::start(pipeline.command(&arguments));
        running.wait_for("compiling a connector");
        running.signal(signal);
        let ended = running.wait(Duration::from_secs(20));
        assert_eq!(ended.status.code(), Some(0), "{signal}: {}", ended.stderr);
        assert!(ended.stderr.contains("stopping"), "{signal}: {}", ended.stderr);
        assert!(ended.stdout.contains("shop: stopped"), "{signal}: {}", ended.stdout);
        assert!(!pipeline.database().exists(), "{signal}: nothing was opened");
        assert!(pipeline.catch_up().status.success(), "{signal}: the next run begins");
    }
}

#[test]
fn a_signal_ends_a_copy_in_which_a_reader_waits_for_its_turn() {
    let options = json!({"tables": 2, "keys": 4000, "past": 8000, "changes": 8000});
    let mut pipeline = Pipeline::scripted(options);
    // The second table has one reader at a time, so one of the first one's two has nothing to do.
    pipeline.set(
        "schemas.0.tables",
        json!([
            {"name": "t0", "max_parallel_streams": 2},
            {"name": "t1", "max_parallel_streams": 1, "full_load_batch_size": 1},
        ]),
    );
    let mut running = pipeline.start();
    running.wait_for("snapshot complete");
    running.signal(15);
    let ended = running.wait(Duration::from_secs(20));
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("snapshot complete").count(), 1, "it ended in mid-copy");
    pipeline.set("schemas.0.tables", json!([]));
    assert!(pipeline.catch_up().status.success());
    for table in 0..2 {
        let expected = scripted_source::history::rows(table, 8000, 2, 4000).len();
        let count = rows::sqlite_count(&pipeline.database(), &format!("t{table}"));
        assert_eq!(count, expected as u64, "t{table}");
    }
}

#[test]
fn a_table_of_many_columns_is_followed_after_a_restart() {
    let pipeline = Pipeline::new();
    let row = |id: u64| {
        let columns = (0..600).map(|n| (format!("a_rather_long_name_{n}"), json!(n)));
        let mut row: serde_json::Map<_, _> = columns.collect();
        row.insert("id".to_owned(), json!(id));
        format!("{}\n", serde_json::Value::Object(row))
    };
    pipeline.write("wide.ndjson", &row(1));
    for count in 1..=3 {
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{}", ended.stderr);
        assert_eq!(rows::sqlite_count(&pipeline.database(), "wide"), count);
        pipeline.append("wide.ndjson", &row(count + 1));
    }
}

#[test]
fn a_full_resync_brings_back_what_somebody_spoilt() {
    let (pipeline, mut shop) = shop(3);
    shop.open(&pipeline, 200, 50, 50);
    assert!(pipeline.catch_up().status.success());
    let database = rusqlite_open(&pipeline);
    database.execute("UPDATE orders SET amount = -1", []).unwrap();
    database.execute("INSERT INTO orders (id) VALUES (999999)", []).unwrap();
    drop(database);
    assert!(pipeline.catch_up().status.success());
    assert!(shop.difference(&pipeline).is_some(), "an ordinary run does not look at old rows");
    let resync = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(resync.status.success(), "{}", resync.stderr);
    assert_eq!(shop.difference(&pipeline), None);
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let (pipeline, mut shop) = shop(4);
    shop.open(&pipeline, 120, 30, 10);
    let ended = pipeline.run(&["run", "--dry-run", "--output", "json"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(ended.stdout.trim()).unwrap();
    assert_eq!(report["tables"]["orders"]["insert"], 120);
    assert_eq!(report["tables"]["customers"]["insert"], 30);
    let tables = if pipeline.database().exists() {
        rows::sqlite_query(&pipeline.database(), "SELECT name FROM sqlite_master")
    } else {
        vec![]
    };
    assert!(tables.is_empty(), "{tables:?}");
}

fn rusqlite_open(pipeline: &Pipeline) -> rusqlite::Connection {
    rusqlite::Connection::open(pipeline.database()).unwrap()
}

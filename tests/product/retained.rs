//! The log that a source keeps for a pipeline that does not follow: shown, warned of, and given up.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running, Session, wait_until};
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;
const SLOTS: &str = "SELECT count(*) FROM pg_replication_slots";

/// A pipeline that has copied a table and may keep 20 MiB of log.
fn bounded(policy: &str, on_lost_position: &str) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'note' FROM generate_series(1, 100) n;
         CREATE TABLE noise (n int, note text)",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.table_blacklist", json!(["noise"]));
    pipeline.set("schemas.0.on_lost_position", json!(on_lost_position));
    pipeline.set("source.max_retained", json!("20MiB"));
    pipeline.set("source.on_max_retained", json!(policy));
    assert!(pipeline.catch_up().status.success());
    (databases, pipeline)
}

/// Writes log until the slot keeps so much.
fn retain(databases: &Databases, bytes: u64) {
    let kept =
        "SELECT max(pg_current_wal_insert_lsn() - restart_lsn)::bigint FROM pg_replication_slots";
    while databases.at_source(kept)[0].parse::<u64>().unwrap() < bytes {
        databases.at_source(
            "INSERT INTO noise SELECT n, repeat('x', 1000) FROM generate_series(1, 300) n",
        );
    }
}

/// Keeps the destination from storing anything, until it is dropped.
fn held(databases: &Databases) -> Session {
    let mut session = databases.session_at_destination();
    session
        .write("BEGIN; LOCK TABLE cartridge_warp_metadata.sync_markers IN ACCESS EXCLUSIVE MODE;");
    let locks = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
        AND relation = 'cartridge_warp_metadata.sync_markers'::regclass";
    wait_until("the destination is held", || databases.at_destination(locks) == ["1"]);
    session
}

fn follows(pipeline: &Pipeline) -> Running {
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running
}

fn health(running: &Running) -> Value {
    let answer = running.get("/health");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// A series of the schema; none where it has none.
fn series(running: &Running, name: &str) -> Option<f64> {
    let page = running.get("/metrics");
    let name = format!("cartridge_warp_{name}{{database=\"\",schema=\"public\",table=\"\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
}

fn has(ended: &Ended, words: &[&str]) {
    for words in words {
        assert!(ended.stderr.contains(words), "no {words:?} in: {}", ended.stderr);
    }
}

#[test]
fn it_is_shown_while_nothing_else_happens_and_warned_of_before_it_is_too_much() {
    let (mut databases, pipeline) = bounded("keep", "fail");
    let mut running = follows(&pipeline);
    wait_until("the log is shown", || series(&running, "source_log_retained_bytes").is_some());
    assert!(series(&running, "source_log_retained_bytes").unwrap() < 20.0 * MIB as f64);
    assert!((0.0..3600.0).contains(&series(&running, "source_log_oldest_seconds").unwrap()));
    assert_eq!(series(&running, "source_up"), Some(1.0));
    assert_eq!(series(&running, "source_log_left_bytes"), None, "the server bounds nothing");
    assert_eq!(health(&running)["status"], json!("ok"));
    let holding = held(&databases);
    databases.at_source("UPDATE orders SET note = 'held'");
    retain(&databases, 17 * MIB);
    running.wait_for("nearly as much log as it may");
    assert_eq!(health(&running)["status"], json!("degraded"));
    assert!(series(&running, "source_log_retained_bytes").unwrap() > 16.0 * MIB as f64);
    retain(&databases, 21 * MIB);
    running.wait_for("more log than it may");
    let words = health(&running)["schemas"]["public"]["retained"].to_string();
    for part in ["more than `source.max_retained` (20MiB)", "cartridge_warp_shop_public"] {
        assert!(words.contains(part), "{words}");
    }
    drop(holding);
    // Nothing was given up.
    wait_until("all of it is there", || databases.difference_of("orders").is_none());
    // Log is let go with the server's next note of what runs.
    wait_until("the log is let go", || {
        databases.at_source("CHECKPOINT");
        health(&running)["status"] == json!("ok")
    });
    wait_until("it does not lag", || series(&running, "lag_seconds") == Some(0.0));
    databases.source.stop();
    wait_until("the source is down", || series(&running, "source_up") == Some(0.0));
    drop(running.kill());
    let mut running = pipeline.start();
    running.wait_for("trying again");
    wait_until("it lags", || series(&running, "lag_seconds").is_some_and(|lag| lag > 1.0));
}

#[test]
fn it_is_given_up_while_the_destination_holds_everything_up() {
    let (databases, pipeline) = bounded("release", "resync");
    let mut running = follows(&pipeline);
    let holding = held(&databases);
    databases.at_source("UPDATE orders SET note = 'held'");
    retain(&databases, 21 * MIB);
    running.wait_for("the source's log is given up");
    assert_eq!(databases.at_source(SLOTS), ["0"]);
    databases.at_source("DELETE FROM orders WHERE id = 7");
    drop(holding);
    running.wait_for("copying everything anew");
    wait_until("all is copied anew", || databases.difference_of("orders").is_none());
    databases.at_source("INSERT INTO orders VALUES (1000, 'after')");
    wait_until("it is followed", || databases.difference_of("orders").is_none());
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn it_is_given_up_while_the_destination_is_down_and_a_person_decides_what_follows() {
    let (mut databases, pipeline) = bounded("release", "fail");
    let mut running = follows(&pipeline);
    databases.destination.stop();
    databases.at_source("UPDATE orders SET note = 'down'");
    running.wait_for("trying again");
    retain(&databases, 21 * MIB);
    let ended = running.wait(Duration::from_secs(120));
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    has(&ended, &["the source's log is given up", "log-released", "--full-resync"]);
    assert_eq!(databases.at_source(SLOTS), ["0"]);
    databases.destination.resume();
    // The stored position does not pretend to be one that could be followed, also beside a new slot.
    has(&pipeline.catch_up(), &["log-lost", "--full-resync"]);
    databases.at_source(
        "SELECT pg_create_logical_replication_slot('cartridge_warp_shop_public', 'pgoutput')",
    );
    has(&pipeline.catch_up(), &["log-lost"]);
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference_of("orders"), None);
}

#[test]
fn it_is_given_up_while_a_copy_runs() {
    let (databases, mut pipeline) = bounded("release", "resync");
    pipeline.set("schemas.0.limits", json!({"rows_per_second": 1}));
    pipeline.set("schemas.0.default_batch_size", json!(1));
    let mut running = Running::start(pipeline.command(&["run", "--full-resync"]));
    let copying =
        "SELECT count(*) FROM cartridge_warp_metadata.sync_markers WHERE stream LIKE 'chunk/%'";
    wait_until("it copies", || databases.at_destination(copying) != ["0"]);
    retain(&databases, 21 * MIB);
    running.wait_for("the source's log is given up");
    running.wait_for("copying everything anew");
    drop(running.kill());
    pipeline.set("schemas.0.limits", json!({}));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference_of("orders"), None);
}

#[test]
fn what_an_operator_named_is_not_given_up() {
    let (databases, mut pipeline) = bounded("release", "resync");
    pipeline.set("source.options", json!({"slot": "mine"}));
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(ended.status.success(), "{}", ended.stderr);
    databases.at_source("SELECT pg_drop_replication_slot('cartridge_warp_shop_public')");
    let mut running = follows(&pipeline);
    let holding = held(&databases);
    databases.at_source("UPDATE orders SET note = 'held'");
    retain(&databases, 21 * MIB);
    running.wait_for("cannot be given up");
    assert!(running.stderr().contains("`options.slot` names it"), "{}", running.stderr());
    drop(holding);
    wait_until("all of it is there", || databases.difference_of("orders").is_none());
    assert_eq!(databases.at_source(SLOTS), ["1"]);
}

#[test]
fn a_source_that_fails_when_it_is_looked_at_goes_on_being_followed() {
    let fault = |at: u64, action| json!({"call": "backlog", "at": at, "action": action});
    let faults = json!([fault(0, "hang"), fault(1, "trap"), fault(2, "resync")]);
    let batch = json!({"columns": {}, "rows": [{"id": 1}]});
    let mut pipeline = Pipeline::documents(json!({"batches": [batch], "faults": faults}));
    pipeline.set("source.limits", json!({"call_deadline": "1s"}));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    let value = |running: &Running, name: &str| {
        let page = running.get("/metrics");
        let series =
            page.lines().find(|line| line.starts_with(&format!("cartridge_warp_{name}{{")));
        series?.split(' ').next_back()?.parse::<f64>().ok()
    };
    let up = |running: &Running| value(running, "source_up");
    for looks in 1..=3 {
        let heard = || pipeline.calls("state", "backlog") >= looks;
        wait_until("it is looked at", heard);
        wait_until("that failed", || up(&running) == Some(0.0));
    }
    wait_until("it answers", || up(&running) == Some(1.0));
    // It was told what is committed by now.
    assert_eq!(value(&running, "source_log_left_seconds"), Some(0.0));
    assert_eq!(health(&running)["schemas"]["shop"]["state"], json!("streaming"));
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success() && !ended.stderr.contains("trying again"), "{}", ended.stderr);
}

#[test]
fn a_source_that_keeps_no_log_has_no_bound() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    pipeline.set("source.max_retained", json!("1GiB"));
    for command in ["validate", "check", "run"] {
        let ended = pipeline.run(&[command]);
        assert_eq!(ended.status.code(), Some(2), "{command}: {}", ended.stderr);
        assert!(ended.words().contains("`source.max_retained` means nothing"), "{}", ended.stderr);
    }
}

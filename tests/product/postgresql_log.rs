//! What the source's server keeps for a pipeline, and what a pipeline refuses to begin with.

use std::time::Duration;

use cartridge_warp_tests::{Databases, Running, Session, wait_until};

const STREAMING: &str = "following changes";
const CONFIRMED: &str = "SELECT confirmed_flush_lsn FROM pg_replication_slots";

/// A gauge of the source connector.
fn gauge(running: &Running, name: &str) -> Option<f64> {
    let answer = running.get("/metrics");
    let label = format!("name=\"{name}\"");
    let line = answer
        .lines()
        .find(|line| line.starts_with("cartridge_warp_plugin_custom{") && line.contains(&label))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Holds a lock at the destination until it is dropped.
fn lock(databases: &Databases, table: &str) -> Session {
    let mut session = databases.session_at_destination();
    session.write(&format!("BEGIN; LOCK TABLE {table};"));
    let held = "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted";
    wait_until("the lock", || !databases.at_destination(held).is_empty());
    session
}

#[test]
fn the_server_forgets_only_what_the_destination_holds_and_metrics_show_it() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'a')",
    );
    let pipeline = databases.pipeline();
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    wait_until("a measured lag", || gauge(&running, "slot_lag_bytes").is_some());
    let lock = lock(&databases, "orders");
    databases.at_source(
        "INSERT INTO orders SELECT n, repeat('x', 1000) FROM generate_series(2, 2000) n",
    );
    let written = databases.at_source("SELECT pg_current_wal_lsn()").remove(0);
    let behind = |sql: &str| databases.at_source(&format!("{CONFIRMED} WHERE {sql}"));
    let before = format!("confirmed_flush_lsn < '{written}'");
    // Longer than the pause between two measurements.
    wait_until("a lag of what waits", || {
        gauge(&running, "slot_lag_bytes").is_some_and(|bytes| bytes > 1_000_000.0)
    });
    assert_eq!(behind(&before).len(), 1, "the server was told of rows that nobody has");
    drop(lock);
    wait_until("the commit", || {
        databases.at_destination("SELECT count(*) FROM orders") == ["2000"]
    });
    wait_until("the confirmation", || behind(&before).is_empty());
    wait_until("a small lag", || {
        gauge(&running, "slot_lag_bytes").is_some_and(|bytes| bytes < 1_000_000.0)
    });
    assert!(gauge(&running, "slot_retained_bytes").is_some());
    running.signal(15);
    let ended = running.wait(Duration::from_secs(30));
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn a_table_without_a_key_is_refused_before_anything_is_written() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1);
         CREATE TABLE visits (at timestamptz, page text); INSERT INTO visits VALUES (now(), '/')",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.on_table_failure", serde_json::json!("stop"));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    for words in [
        "\"public\".\"visits\" has no key by which its rows could be updated and deleted",
        "ALTER TABLE \"public\".\"visits\" ADD PRIMARY KEY",
        "REPLICA IDENTITY USING INDEX",
        "leave it out",
    ] {
        assert!(ended.stderr.contains(words), "{words} is not in: {}", ended.stderr);
    }
    let traces = "SELECT count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM \
                  pg_namespace WHERE nspname ~ '^pg_|^information_schema')";
    assert_eq!(databases.at_destination(traces), ["0"]);
    let kept = "SELECT (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM \
                pg_publication)";
    assert_eq!(databases.at_source(kept), ["0|0"]);
    // Either piece of advice helps.
    pipeline.set("schemas.0.table_blacklist", serde_json::json!(["visits"]));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    pipeline.set("schemas.0.table_blacklist", serde_json::json!([]));
    databases.at_source("ALTER TABLE visits ADD id bigserial PRIMARY KEY");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}

//! What a run waits for, and what comes in between: transactions that stay open, locks, tables that go
//! while they are looked at. None of it ends a run.

use std::{thread::sleep, time::Duration};

use cartridge_warp_tests::{Databases, Pipeline, Session, wait_until};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(120);

/// A session of the source with an open transaction.
fn open_transaction(databases: &Databases, sql: &str) -> Session {
    let mut session = databases.session_at_source();
    session.write(&format!("SET application_name = 'nightly-report'; BEGIN; {sql};"));
    let open = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND \
                backend_xid IS NOT NULL";
    wait_until("the transaction is open", || !databases.at_source(open).is_empty());
    session
}

fn commit(mut session: Session) {
    session.write("COMMIT;");
    session.close();
}

/// A pipeline that gives up at the first failure that counts.
fn impatient(databases: &Databases) -> Pipeline {
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_retries", json!(0));
    pipeline
}

#[test]
fn a_start_waits_for_an_open_transaction_as_long_as_it_takes_and_names_it() {
    let databases = Databases::start();
    databases.at_source("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)");
    let session = open_transaction(&databases, "INSERT INTO orders VALUES (2)");
    let pipeline = impatient(&databases);
    let named = |words: &str| words.matches("application nightly-report").count();
    // It can be ended meanwhile.
    let mut running = pipeline.start();
    running.wait_for("application nightly-report");
    running.signal(15);
    let ended = running.wait(PATIENCE);
    assert!(ended.status.success(), "{}", ended.stderr);
    let running = pipeline.start();
    wait_until("it waits again and again", || named(&running.stderr()) > 3);
    commit(session);
    wait_until("the rows", || {
        databases
            .try_at_destination("SELECT count(*) FROM orders")
            .is_some_and(|rows| rows == ["2"])
    });
    running.kill();
    // Locks are waited for in the same way.
    databases.at_source("CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1)");
    let session = open_transaction(&databases, "LOCK TABLE items; INSERT INTO items VALUES (2)");
    let running = pipeline.start();
    wait_until("it waits for the lock", || named(&running.stderr()) > 1);
    commit(session);
    wait_until("the rows", || {
        databases.try_at_destination("SELECT count(*) FROM items").is_some_and(|rows| rows == ["2"])
    });
    running.kill();
    assert_eq!(databases.difference(), None);
}

#[test]
fn a_table_that_changes_while_it_is_looked_at_is_its_own_matter() {
    for (name, publication, change) in [
        ("dropped", "", "DROP TABLE orders"),
        ("renamed", "", "ALTER TABLE orders RENAME TO purchases"),
        ("dropped", "FOR ALL TABLES", "DROP TABLE orders"),
        ("renamed", "FOR ALL TABLES", "ALTER TABLE orders RENAME TO purchases"),
        ("column renamed", "FOR ALL TABLES", "ALTER TABLE orders RENAME note TO remark"),
        ("column dropped", "FOR ALL TABLES", "ALTER TABLE orders DROP note"),
    ] {
        let databases = Databases::start();
        databases.at_source(
            "CREATE TABLE items (id int PRIMARY KEY); INSERT INTO items VALUES (1);
             CREATE TABLE orders (id int PRIMARY KEY, note text); INSERT INTO orders VALUES (1, 'a')",
        );
        if !publication.is_empty() {
            databases.at_source(&format!(
                "CREATE PUBLICATION cartridge_warp_public {publication};
                 SELECT pg_create_logical_replication_slot('cartridge_warp_shop_public', 'pgoutput')"
            ));
        }
        let mut pipeline = databases.pipeline();
        pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
        pipeline.set("schema_evolution.strategy", json!("permissive"));
        pipeline.set("schema_evolution.require_approval_for_risky_changes", json!(false));
        let session = open_transaction(&databases, change);
        let running = pipeline.start();
        let waits = "SELECT 1 FROM pg_locks WHERE NOT granted UNION ALL SELECT 1 FROM \
                     pg_replication_slots WHERE active AND confirmed_flush_lsn IS NULL";
        wait_until("it waits", || {
            !databases.at_source(waits).is_empty() || running.stderr().contains("waits for")
        });
        commit(session);
        wait_until(&format!("{name} {publication}: {}", running.stderr()), || {
            databases.try_at_destination("SELECT 1 FROM items").is_some()
                && databases.difference().is_none()
        });
        running.signal(15);
        let ended = running.wait(PATIENCE);
        assert!(ended.status.success(), "{name} {publication}: {}", ended.stderr);
    }
}

#[test]
fn a_pipeline_within_one_server_comes_to_rest() {
    let databases = Databases::start();
    databases.source.create_database("copy");
    databases.at_source("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)");
    let mut pipeline = databases.pipeline();
    pipeline.set("destination.connection_string", json!(databases.source.url("copy")));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source("INSERT INTO orders VALUES (2)");
    wait_until("the rows", || databases.source.sql("copy", "SELECT count(*) FROM orders") == ["2"]);
    // Each commit that changes something takes a number.
    let next = || databases.at_source("SELECT txid_snapshot_xmax(txid_current_snapshot())");
    wait_until("five seconds without a commit", || {
        let before = next();
        sleep(Duration::from_secs(5));
        before == next()
    });
    databases.at_source("INSERT INTO orders VALUES (3)");
    wait_until("the rows", || databases.source.sql("copy", "SELECT count(*) FROM orders") == ["3"]);
    running.signal(15);
    assert!(running.wait(PATIENCE).status.success());
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
}

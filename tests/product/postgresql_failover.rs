//! A standby that is promoted with a copy of the slot: the stream goes on there without a new copy.

use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::json;

const SLOT: &str = "cartridge_warp_shop_public";

fn catch_up(pipeline: &Pipeline) -> String {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stderr
}

/// A source that a pipeline follows through a failover slot, and its standby; none of a server that has no
/// such slots.
fn with_standby() -> Option<(Databases, Pipeline, Cluster)> {
    let databases = Databases::start();
    let version: u32 = databases.at_source("SHOW server_version_num")[0].parse().unwrap();
    if version < 170_000 {
        return None;
    }
    databases.at_source(&format!(
        "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1);
         SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput', false, false, true)"
    ));
    let mut pipeline = databases.pipeline();
    // Else it would be another one on another server.
    pipeline.set("name", json!("shop"));
    catch_up(&pipeline);
    let standby = databases.source.standby("shop");
    databases.at_source("INSERT INTO orders VALUES (2)");
    catch_up(&pipeline);
    Some((databases, pipeline, standby))
}

fn wait_for_slot(databases: &Databases, standby: &Cluster) {
    let kept = format!(
        "SELECT 1 FROM pg_replication_slots WHERE slot_name = '{SLOT}' AND synced AND NOT temporary"
    );
    wait_until("the standby keeps the slot", || {
        // It waits for the log to move.
        databases.at_source("SELECT pg_log_standby_snapshot()");
        !standby.sql("shop", &kept).is_empty()
    });
}

#[test]
fn a_promoted_failover_slot_goes_on_without_a_copy() {
    let Some((mut databases, mut pipeline, standby)) = with_standby() else { return };
    databases.at_source("INSERT INTO orders VALUES (3)");
    wait_for_slot(&databases, &standby);
    let end = databases.at_source("SELECT pg_current_wal_lsn()").remove(0);
    let replayed = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'");
    wait_until("the standby has all", || standby.sql("shop", &replayed) == ["t"]);
    databases.source.stop();
    assert_eq!(standby.sql("shop", "SELECT pg_promote()"), ["t"]);
    standby.sql("shop", "INSERT INTO orders VALUES (4)");
    pipeline.set("source.connection_string", json!(standby.url("shop")));
    let words = catch_up(&pipeline);
    assert!(!words.contains("copying"), "{words}");
    let rows = "SELECT id FROM orders ORDER BY id";
    assert_eq!(databases.at_destination(rows), standby.sql("shop", rows));
    // What is learned is remembered.
    standby.sql("shop", "INSERT INTO orders VALUES (5)");
    catch_up(&pipeline);
    assert_eq!(databases.at_destination(rows), standby.sql("shop", rows));
}

#[test]
fn what_a_standby_did_not_have_is_said_after_its_promotion() {
    let Some((mut databases, mut pipeline, standby)) = with_standby() else { return };
    wait_for_slot(&databases, &standby);
    assert_eq!(standby.sql("shop", "SELECT pg_promote()"), ["t"]);
    // The old one goes on for a while.
    databases.at_source("INSERT INTO orders SELECT generate_series(3, 1000)");
    catch_up(&pipeline);
    databases.source.stop();
    pipeline.set("source.connection_string", json!(standby.url("shop")));
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("log-lost"), "{}", ended.stderr);
}

//! Collections that are kept as logs: their last rows are the collections, and each insert and delete is
//! there once.

use std::time::Duration;

use fastrand::Rng;
use serde_json::json;

use super::{STREAMING, Servers, pause, servers, writer, writer::Writer};

/// Kills of the runner before its copy is complete, and as many after.
const KILLS: usize = 5;
/// Documents of each collection when the copy begins.
const DOCUMENTS: u64 = 3000;
/// What a log has beside its table.
const OWN: [&str; 4] = ["_cartridge_op", "_cartridge_ts", "_cartridge_unchanged", "_cartridge_seq"];

/// Puts what the logs come to in the place of the tables.
fn fold(servers: &Servers) {
    servers.at_destination("ALTER SCHEMA shop RENAME TO logs; CREATE SCHEMA shop");
    for table in servers.collections() {
        let own = OWN.map(|column| format!("DROP COLUMN {column}")).join(", ");
        servers.at_destination(&format!(
            "CREATE TABLE shop.{table} AS SELECT * FROM (
               SELECT *, row_number() OVER (PARTITION BY _id ORDER BY _cartridge_seq DESC) AS age
               FROM logs.{table}) AS rows_of_keys
             WHERE age = 1 AND _cartridge_op <> 'delete';
             ALTER TABLE shop.{table} DROP COLUMN age, {own}"
        ));
    }
}

/// How often a key was inserted twice in a row, or deleted twice.
fn doubled(servers: &Servers, table: &str) -> Vec<String> {
    servers.at_destination(&format!(
        "SELECT count(*) FROM (
           SELECT _cartridge_op AS op,
                  lag(_cartridge_op) OVER (PARTITION BY _id ORDER BY _cartridge_seq) AS before
           FROM shop.{table} WHERE _cartridge_op IN ('insert', 'delete')) AS pairs
         WHERE op = before"
    ))
}

#[test]
fn logs_of_collections_come_to_what_these_are() {
    let servers = servers();
    let mut random = Rng::with_seed(0x106);
    writer::fill(&mut servers.source.client(), &mut random, DOCUMENTS);
    let mut pipeline = servers.pipeline(&servers.source.url(""));
    let log = json!({"name": "*", "write_mode": "append", "full_load_batch_size": 50});
    pipeline.set("schemas.0.tables", json!([log]));
    // The copy has to outlive its kills.
    pipeline.set("schemas.0.limits", json!({"rows_per_second": 1000}));
    let writer = Writer::start(servers.source.port(), 3);
    let mut in_copy = 0;
    for until in [["serving metrics"; KILLS], [STREAMING; KILLS]].concat() {
        let mut running = pipeline.start();
        running.wait_for(until);
        pause(random.u64(200..700));
        let killed = running.kill();
        assert!(killed.status.code().is_none(), "it ended by itself: {}", killed.stderr);
        in_copy += usize::from(!killed.stderr.contains(STREAMING));
    }
    assert!(in_copy >= 3, "{in_copy} in the copy");
    let mut running = pipeline.start();
    running.wait_for(STREAMING);
    pause(500);
    drop(writer);
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{}", ended.stderr);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    for table in servers.collections() {
        assert_eq!(doubled(&servers, &table), ["0"], "{table}");
        let of_each = servers.at_destination(&format!(
            "SELECT count(*) FILTER (WHERE _cartridge_op = 'snapshot') FROM shop.{table}
             UNION ALL SELECT count(DISTINCT _cartridge_op) FROM shop.{table}
             WHERE _cartridge_op IN ('insert', 'update', 'delete')"
        ));
        let is_filled = table != "events";
        assert!(!is_filled || of_each[0] != "0", "{table}: {of_each:?}");
        assert_eq!(of_each[1], "3", "{table}: each kind of change");
    }
    fold(&servers);
    assert_eq!(servers.difference(), None);
}

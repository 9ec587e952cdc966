//! With SQLite as the destination, which has other types.

use cartridge_warp_tests::rows::sqlite_query;
use serde_json::json;

use super::{ROWS, counts, drift_of, items, verified};

const TAMPERED: [(i64, &str, &str); 11] = [
    (10, "DELETE FROM items WHERE id = 10", "missing"),
    (14, "UPDATE items SET remark = '' WHERE id = 14", "different remark"),
    (15, "UPDATE items SET n = substr(n, 1, length(n) - 1) || '7' WHERE id = 15", "different n"),
    (16, "UPDATE items SET free = free || '1' WHERE id = 16", "different free"),
    (17, "UPDATE items SET at = replace(at, 'T', ' ') WHERE id = 17", ""),
    (18, "UPDATE items SET at = '2024-05-01T05:00:00.123456Z' WHERE id = 18", "different at"),
    (19, "UPDATE items SET doc = replace(doc, ',', ' , ') WHERE id = 19", ""),
    (20, "UPDATE items SET doc = replace(doc, 'null', '0') WHERE id = 20", "different doc"),
    (21, "UPDATE items SET raw = x'00' WHERE id = 21", "different raw"),
    // Not even a value of the type.
    (22, "UPDATE items SET day = 'tomorrow' WHERE id = 22", "different"),
    (23, "UPDATE items SET flag = 1 - flag, big = big + 1 WHERE id = 23", "different flag big"),
];

#[test]
fn rows_of_a_file_are_read_back_as_they_were_written() {
    let (databases, mut pipeline) = items();
    pipeline.set("destination", json!({"type": "sqlite", "connection_string": "./shop.db"}));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let came = verified(&pipeline, 0, &[]);
    assert_eq!((counts(&came), &came["equal"]), ([0; 5], &json!(ROWS)), "{came}");
    for (_, sql, _) in TAMPERED {
        sqlite_query(&pipeline.database(), sql);
    }
    sqlite_query(&pipeline.database(), "INSERT INTO items (id) VALUES (-1)");
    let came = verified(&pipeline, 6, &[]);
    for (id, sql, drift) in TAMPERED {
        assert_eq!(drift_of(&came, id).unwrap_or_default(), drift, "{sql}: {came}");
    }
    assert_eq!(drift_of(&came, -1).as_deref(), Some("extra"), "{came}");
    assert_eq!(counts(&came), [1, 1, 8, 0, 0], "{came}");
    let ended = pipeline.run(&["verify", "--repair"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
    drop(databases);
}

//! Destinations that are a locked file, and those that are a folder.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use cartridge_warp_tests::{Pipeline, rows::sqlite_count};
use serde_json::json;

use super::{
    CONTINUE, FOLLOWS, STOP, TTL, WAITS, count, end, pair, standby, took_over, wait_for_more,
};
use crate::lake::{deliver_to_lake, options, read};

const ROWS: u64 = 60;

/// Appends rows one by one for a while, from the first that is missing on.
fn append(pipeline: &Pipeline, rows: std::ops::Range<u64>) {
    for id in rows {
        pipeline.append("orders.ndjson", &format!("{{\"id\":{id}}}\n"));
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_locked_file_is_waited_for_and_taken_when_it_is_free() {
    let mut pipeline = Pipeline::new();
    pipeline.set("standby", json!({"ttl_seconds": TTL.as_secs()}));
    pipeline.append("orders.ndjson", "{\"id\":0}\n");
    let (holder, waiter) = pair(&pipeline);
    // The system keeps the lock for whoever stands still.
    holder.signal(STOP);
    append(&pipeline, 1..ROWS);
    sleep(TTL);
    holder.signal(CONTINUE);
    assert_eq!(count(&waiter, FOLLOWS), 0, "one that lives is waited for");
    let begun = Instant::now();
    holder.kill();
    append(&pipeline, ROWS..2 * ROWS);
    wait_for_more(&waiter, FOLLOWS, 0);
    took_over(begun.elapsed(), "SIGKILL, files to SQLite", &waiter);
    let third = standby(&pipeline);
    wait_for_more(&third, WAITS, 0);
    end(waiter);
    wait_for_more(&third, FOLLOWS, 0);
    end(third);
    assert!(pipeline.catch_up().status.success());
    assert_eq!(sqlite_count(&pipeline.database(), "orders"), 2 * ROWS);
}

#[test]
fn a_folder_is_taken_over_from_one_that_says_nothing() {
    let mut pipeline = Pipeline::new();
    pipeline.set("standby", json!({"ttl_seconds": TTL.as_secs()}));
    deliver_to_lake(&mut pipeline, &options("ndjson", 3600));
    pipeline.append("orders.ndjson", "{\"id\":0}\n");
    let (holder, waiter) = pair(&pipeline);
    append(&pipeline, 1..ROWS);
    sleep(TTL * 2);
    assert_eq!(count(&waiter, FOLLOWS), 0, "one that lives is waited for");
    let begun = Instant::now();
    holder.signal(STOP);
    append(&pipeline, ROWS..2 * ROWS);
    wait_for_more(&waiter, FOLLOWS, 0);
    took_over(begun.elapsed(), "SIGSTOP, files to files", &waiter);
    let waited = count(&holder, WAITS);
    holder.signal(CONTINUE);
    append(&pipeline, 2 * ROWS..3 * ROWS);
    wait_for_more(&holder, WAITS, waited);
    end(holder);
    end(waiter);
    assert!(pipeline.catch_up().status.success());
    let found = read(&pipeline, "shop/orders", "ndjson", "id");
    assert_eq!((found.rows.len() as u64, found.count), (3 * ROWS, 3 * ROWS));
}

//! The change stream: operations, order, positions, collections that come and go.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::{Duration, Instant};

use cartridge_warp_sdk::testing::{Collected, Driver};
use cartridge_warp_sdk::{Limits, Source};
use cartridge_warp_test_mongodb::bson::doc;
use mongodb_source::MongodbSource;
use support::{Database, follow, limits, replica, shapes};

#[test]
fn operations_come_in_commit_order_with_whole_documents() {
    let database = Database::new("operations");
    database.insert("t", &[doc! { "_id": 0, "note": "before" }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.insert("t", &[doc! { "_id": 1, "note": "a" }, doc! { "_id": 2, "note": "b" }]);
    database.update("t", doc! { "_id": 1 }, doc! { "$set": { "note": "c" } });
    database.delete("t", doc! { "_id": 2 });
    database.update("t", doc! { "_id": 1 }, doc! { "other": 5 });
    database.insert("t", &[doc! { "_id": 3, "note": "ü" }]);
    let changes = follow(&mut driver, &start);
    let expected = ["1", "2", "update 1", "delete 2", "update 1", "3"];
    assert_eq!(changes.column("t", "_id"), expected);
    assert!(changes.batches[0].timestamp(0).unwrap() > 1_700_000_000_000_000);
    let mut replica = replica();
    replica.apply(&changes);
    assert_eq!(replica.rows("t", &["_id", "note", "other"]), ["1|null|5", "3|ü|null"]);
    // The same again from the same position, and nothing from the last.
    let again = follow(&mut database.driver(), &start);
    assert_eq!(again.column("t", "_id"), expected);
    assert_eq!(follow(&mut database.driver(), &changes.position).rows(), 0);
}

#[test]
fn the_stream_goes_on_wherever_it_was_cut() {
    let database = Database::new("cuts");
    database.insert("t", &[doc! { "_id": 0 }]);
    let start = database.driver().position().unwrap();
    let documents: Vec<_> = (1..40).map(|n| doc! { "_id": n, "v": n }).collect();
    database.insert("t", &documents);
    database.delete("t", doc! { "_id": { "$gt": 30 } });
    let whole = follow(&mut database.driver(), &start).column("t", "_id");
    assert_eq!(whole.len(), 39 + 9);
    for rows_max in [1, 7, 64] {
        // Each batch by a source of its own, as if killed after each.
        let (mut position, mut rows) = (start.clone(), Vec::new());
        while rows.len() < whole.len() {
            let wait = Duration::from_secs(5);
            let limits = Limits { wait, ..limits(rows_max) };
            let batch = database.source().get_changes("cuts", &position, limits).unwrap();
            let count: usize = batch.tables.iter().map(|rows| rows.len()).sum();
            assert!((1..=rows_max).contains(&count), "{count} of {rows_max}");
            let collected = Collected { batches: batch.tables, ..Collected::default() };
            rows.extend(collected.column("t", "_id"));
            position = batch.position;
        }
        assert_eq!(rows, whole, "{rows_max} at a time");
    }
}

#[test]
fn an_update_of_a_document_that_is_gone_is_no_row_and_its_delete_is_not_lost() {
    let database = Database::new("gone");
    database.insert("t", &[doc! { "_id": 1, "v": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.update("t", doc! { "_id": 1 }, doc! { "$set": { "v": 2 } });
    database.delete("t", doc! { "_id": 1 });
    let changes = follow(&mut driver, &start);
    assert_eq!(changes.column("t", "_id"), ["delete 1"]);
}

#[test]
fn a_new_collection_is_announced_and_arrives_whole() {
    let database = Database::new("news");
    database.insert("t", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.insert("t", &[doc! { "_id": 2 }]);
    database.insert("u", &[doc! { "_id": "a", "n": 1 }, doc! { "_id": "b", "m": true }]);
    database.insert("t", &[doc! { "_id": 3 }]);
    let changes = follow(&mut driver, &start);
    assert_eq!(shapes(&changes), ["add_table u"]);
    assert_eq!(changes.column("u", "_id"), ["a", "b"]);
    assert_eq!(changes.column("t", "_id"), ["2", "3"]);
    let after = changes.schema_changes[0].after.as_ref().unwrap();
    assert_eq!(after.key, ["_id"]);
}

#[test]
fn unselected_collections_are_not_read_and_do_not_hold_the_position_back() {
    let database = Database::new("selection");
    database.insert("t", &[doc! { "_id": 1 }]);
    database.insert("u", &[doc! { "_id": 1 }]);
    let open = || {
        let mut source = database.connect().unwrap();
        source.get_schema("selection").unwrap();
        source.select_tables("selection", &["t".to_owned()]).unwrap();
        Driver::new(source, "selection")
    };
    let mut driver = open();
    let start = driver.position().unwrap();
    database.insert("u", &[doc! { "_id": 2 }]);
    database.insert("t", &[doc! { "_id": 2 }]);
    let changes = follow(&mut driver, &start);
    assert_eq!(changes.column("t", "_id"), ["2"]);
    assert_eq!(changes.rows(), 1);
    database.run(doc! { "drop": "u" });
    assert_eq!(shapes(&follow(&mut open(), &changes.position)), [] as [&str; 0]);
}

#[test]
fn a_dropped_collection_is_announced_and_its_name_begins_empty() {
    let database = Database::new("drops");
    database.insert("t", &[doc! { "_id": 1 }]);
    database.insert("keep", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.insert("t", &[doc! { "_id": 2 }]);
    database.run(doc! { "drop": "t" });
    database.insert("keep", &[doc! { "_id": 2 }]);
    let changes = follow(&mut driver, &start);
    assert_eq!(changes.column("t", "_id"), ["2"]);
    assert_eq!(shapes(&changes), ["drop_table t"]);
    database.insert("t", &[doc! { "_id": 3 }]);
    let back = follow(&mut driver, &changes.position);
    assert_eq!(shapes(&back), ["add_table t"]);
    assert_eq!(back.column("t", "_id"), ["truncate null", "3"]);
    // Nor does it matter who reads it: it came back behind the position.
    let away = follow(&mut database.driver(), &changes.position);
    assert_eq!(away.column("t", "_id"), ["truncate null", "3"]);
    assert_eq!(follow(&mut database.driver(), &back.position).rows(), 0);
}

#[test]
fn a_drop_that_nobody_saw_is_noted_for_when_the_name_comes_back() {
    let ends = [
        ("unseen", doc! { "drop": "t" }),
        ("unseen_rename", doc! { "renameCollection": "unseen_rename.t", "to": "elsewhere.t" }),
    ];
    for (name, end) in ends {
        let database = Database::new(name);
        database.insert("t", &[doc! { "_id": 1 }]);
        database.insert("keep", &[doc! { "_id": 1 }]);
        let start = database.driver().position().unwrap();
        let of = if end.contains_key("drop") { name } else { "admin" };
        support::server().run(of, end);
        let mut driver = database.driver();
        let away = follow(&mut driver, &start);
        assert_eq!((away.rows(), shapes(&away).len()), (0, 0), "{name}");
        database.insert("t", &[doc! { "_id": 2 }]);
        // Followed all the time, or opened anew after it came back.
        for driver in [&mut driver, &mut database.driver()] {
            let back = follow(driver, &away.position);
            assert_eq!(back.column("t", "_id"), ["truncate null", "2"], "{name}");
        }
    }
}

/// Follows until the connection has to be opened anew for a table; what came before, and the position.
fn until_new_table(driver: &mut Driver<MongodbSource>, schema: &str, after: &[u8]) -> Collected {
    let mut seen = Collected { position: after.to_vec(), ..Collected::default() };
    loop {
        match driver.source.get_changes(schema, &seen.position, limits(10)) {
            Ok(batch) => {
                seen.batches.extend(batch.tables);
                seen.schema_changes.extend(batch.schema_changes);
                seen.position = batch.position;
            }
            Err(failure) => {
                assert_eq!(
                    (failure.code.as_str(), failure.action.as_str()),
                    ("new-table", "reconnect")
                );
                return seen;
            }
        }
    }
}

fn rename(database: &Database, from: &str, to: &str) {
    let [from, to] = [from, to].map(|collection| format!("{}.{collection}", database.name));
    let rename = doc! { "renameCollection": from, "to": to, "dropTarget": true };
    support::server().run("admin", rename);
}

#[test]
fn a_name_that_is_taken_again_at_once_begins_empty() {
    let database = Database::new("rotation");
    database.insert("t", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    rename(&database, "t", "t_2025");
    database.insert("t", &[doc! { "_id": 2 }]);
    let seen = until_new_table(&mut driver, &database.name, &start);
    assert_eq!(shapes(&seen), ["drop_table t"]);
    let mut driver = database.driver();
    assert_eq!(
        driver.snapshot("t_2025", &seen.position, 1).unwrap().column("t_2025", "_id"),
        ["1"]
    );
    assert_eq!(follow(&mut driver, &seen.position).column("t", "_id"), ["truncate null", "2"]);
}

#[test]
fn a_dropped_name_that_a_rename_takes_is_emptied_and_copied() {
    let database = Database::new("taken");
    database.insert("t", &[doc! { "_id": 1 }]);
    database.insert("build", &[doc! { "_id": 7 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.run(doc! { "drop": "t" });
    let dropped = follow(&mut driver, &start);
    assert_eq!(shapes(&dropped), ["drop_table t"]);
    rename(&database, "build", "t");
    // Also by who begins again after the first of the batches.
    let first = database.source().get_changes("taken", &dropped.position, limits(10)).unwrap();
    assert_eq!(first.tables.len(), 1);
    for position in [&dropped.position, &first.position] {
        let seen = until_new_table(&mut database.driver(), &database.name, position);
        assert_eq!(shapes(&seen), ["add_table t", "drop_table t"]);
        assert_eq!(seen.column("t", "_id"), ["truncate null"]);
        let mut driver = database.driver();
        assert_eq!(driver.snapshot("t", &seen.position, 1).unwrap().column("t", "_id"), ["7"]);
        let rows = follow(&mut driver, &seen.position);
        assert_eq!((rows.rows(), shapes(&rows).len()), (0, 0), "the copy stays");
    }
    // A name that is empty again when the stream comes to it has nothing to copy.
    database.delete("t", doc! {});
    let seen = follow(&mut database.driver(), &dropped.position);
    assert_eq!(shapes(&seen), [] as [&str; 0]);
    database.insert("t", &[doc! { "_id": 8 }]);
    let seen = follow(&mut database.driver(), &seen.position);
    assert_eq!(seen.column("t", "_id"), ["truncate null", "8"]);
}

#[test]
fn a_table_that_is_copied_anew_has_no_past() {
    let database = Database::new("renewed");
    database.insert("t", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.run(doc! { "drop": "t" });
    let dropped = follow(&mut driver, &start).position;
    database.insert("t", &[doc! { "_id": 2 }]);
    let mut driver = database.driver();
    let renewed = driver.source.renew_tables("renewed", &dropped, &["t".to_owned()]).unwrap();
    assert_eq!(follow(&mut driver, &renewed).column("t", "_id"), ["2"]);
    let other = driver.source.renew_tables("renewed", &dropped, &["u".to_owned()]).unwrap();
    assert_eq!(follow(&mut driver, &other).column("t", "_id"), ["truncate null", "2"]);
}

#[test]
fn what_the_server_fills_before_it_gives_it_a_name_is_no_table() {
    let database = Database::new("temporary");
    database.insert("t", &[doc! { "_id": 1 }]);
    let start = database.driver().position().unwrap();
    database.insert("tmp.agg_out.5a", &[doc! { "_id": 2 }]);
    assert!(
        !database.source().get_schema("temporary").unwrap().iter().any(|table| table.name != "t")
    );
    rename(&database, "tmp.agg_out.5a", "t");
    let seen = until_new_table(&mut database.driver(), &database.name, &start);
    assert_eq!(
        (shapes(&seen), seen.column("t", "_id")),
        (vec!["drop_table t".to_owned()], vec!["truncate null".to_owned()])
    );
}

#[test]
fn a_renamed_collection_goes_and_its_new_name_is_copied() {
    let database = Database::new("renames");
    database.insert("t", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    rename(&database, "t", "u");
    let seen = until_new_table(&mut driver, &database.name, &start);
    assert_eq!(shapes(&seen), ["drop_table t"]);
    // Opened anew, the table is there to be copied, and the stream goes on behind the rename.
    let mut driver = database.driver();
    assert_eq!(driver.snapshot("u", &seen.position, 1).unwrap().column("u", "_id"), ["1"]);
    database.insert("u", &[doc! { "_id": 2 }]);
    assert_eq!(follow(&mut driver, &seen.position).column("u", "_id"), ["2"]);
}

#[test]
fn a_collection_that_a_rename_replaces_is_emptied_and_copied_anew() {
    let database = Database::new("replacing");
    database.insert("t", &[doc! { "_id": 1 }]);
    database.insert("build", &[doc! { "_id": 7 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    rename(&database, "build", "t");
    let seen = until_new_table(&mut driver, &database.name, &start);
    assert_eq!(seen.column("t", "_id"), ["truncate null"]);
    assert_eq!(shapes(&seen), ["drop_table t", "drop_table build"]);
    let mut driver = database.driver();
    assert_eq!(driver.snapshot("t", &seen.position, 1).unwrap().column("t", "_id"), ["7"]);
    assert_eq!(follow(&mut driver, &seen.position).rows(), 0);
}

#[test]
fn the_stream_survives_the_end_of_its_database() {
    let database = Database::new("ends");
    database.insert("t", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.insert("t", &[doc! { "_id": 2 }]);
    database.run(doc! { "dropDatabase": 1 });
    let changes = follow(&mut driver, &start);
    assert_eq!(shapes(&changes), ["drop_table t"]);
    database.insert("t", &[doc! { "_id": 3 }]);
    let back = follow(&mut driver, &changes.position);
    assert_eq!(back.column("t", "_id"), ["truncate null", "3"]);
}

#[test]
fn new_fields_and_types_widen_the_table_and_nothing_is_left_out() {
    let database = Database::new("widening");
    database.insert("t", &[doc! { "_id": 1, "a": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.insert("t", &[doc! { "_id": 2, "a": 2, "b": { "c": [1, "x"] } }]);
    database.insert("t", &[doc! { "_id": 3, "a": "text" }]);
    let changes = follow(&mut driver, &start);
    let mut replica = replica();
    replica.apply(&changes);
    assert_eq!(replica.rows("t", &["_id", "a", "b"]), [r#"2|2|{"c":[1,"x"]}"#, "3|text|null"]);
}

#[test]
fn a_call_waits_no_longer_than_it_may_and_rows_end_the_wait() {
    let database = Database::new("waits");
    database.insert("t", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let position = driver.position().unwrap();
    let position = follow(&mut driver, &position).position;
    for (wait, most) in [(0, 900), (300, 1200), (1500, 2400)] {
        let begun = Instant::now();
        let limits = Limits { wait: Duration::from_millis(wait), ..limits(10) };
        let batch = driver.source.get_changes("waits", &position, limits).unwrap();
        assert!(batch.tables.is_empty());
        let took = begun.elapsed().as_millis();
        assert!((u128::from(wait)..most).contains(&took), "{took} of {wait}");
    }
    let writer = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(700));
        Database::new("waits").insert("t", &[doc! { "_id": 2 }]);
    });
    let begun = Instant::now();
    let limits = Limits { wait: Duration::from_secs(20), ..limits(10) };
    let batch = driver.source.get_changes("waits", &position, limits).unwrap();
    writer.join().unwrap();
    assert_eq!(batch.tables.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_pipeline_has_caught_up_only_when_everything_was_read() {
    let database = Database::new("caught");
    database.insert("t", &[doc! { "_id": -1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    // One by one, so that the server has much to read and little to send.
    (0..3000).for_each(|n| database.insert("t", &[doc! { "_id": n }]));
    let (mut position, mut rows) = (start, 0);
    loop {
        let batch = driver.source.get_changes("caught", &position, limits(1000)).unwrap();
        rows += batch.tables.iter().map(|rows| rows.len()).sum::<usize>();
        position = batch.position;
        if batch.caught_up {
            break;
        }
    }
    assert_eq!(rows, 3000);
}

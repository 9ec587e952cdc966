//! The weaker mode: polling a time column.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::Source;
use cartridge_warp_test_mongodb::bson::oid::ObjectId;
use cartridge_warp_test_mongodb::bson::{Bson, DateTime, Timestamp, doc};
use support::{Database, assert_failure, follow, limits, replica};

fn polling(name: &str) -> Database {
    Database::new(name).setting("change_detection_strategy", "timestamp")
}

fn at(millis: i64) -> DateTime {
    DateTime::from_millis(millis)
}

#[test]
fn changes_are_found_by_their_time_and_none_of_one_time_is_left_out() {
    let database = Database::with("poll", r#"{"id_type": "json"}"#);
    let database = Database { options: database.options, ..polling("poll") };
    database.insert("t", &[doc! { "_id": 1, "updated_at": at(1000) }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.insert(
        "t",
        &[
            doc! { "_id": "b", "updated_at": at(2000) },
            doc! { "_id": 5, "updated_at": at(2000) },
            doc! { "_id": 9, "updated_at": at(2000) },
            doc! { "_id": 7, "no": "time" },
            doc! { "_id": 8, "updated_at": at(3000) },
        ],
    );
    database.delete("t", doc! { "_id": 1 });
    for rows_max in [1, 2, 100] {
        let mut driver = database.driver().limits(limits(rows_max));
        let changes = follow(&mut driver, &start);
        let expected = ["update 5", "update 9", r#"update "b""#, "update 8"];
        assert_eq!(changes.column("t", "_id"), expected, "{rows_max}");
        assert_eq!(follow(&mut database.driver(), &changes.position).rows(), 0);
    }
    let changes = follow(&mut driver, &start);
    database.update("t", doc! { "_id": 5 }, doc! { "$set": { "updated_at": at(4000), "v": 1 } });
    let mut replica = replica();
    replica.apply(&follow(&mut driver, &changes.position));
    assert_eq!(replica.rows("t", &["_id", "v"]), ["5|1"]);
}

#[test]
fn a_column_that_changes_its_type_hides_nothing_behind_it_in_the_order_of_types() {
    let database = polling("poll_types");
    let times = [
        Bson::Int32(20),
        Bson::Double(20.5),
        Bson::String("2024-05-01".into()),
        Bson::Document(doc! { "$gt": 5 }),
        Bson::ObjectId(ObjectId::from_bytes([9; 12])),
        Bson::DateTime(at(1000)),
        Bson::Timestamp(Timestamp { time: 1, increment: 1 }),
    ];
    database.insert("t", &[doc! { "_id": 0, "updated_at": times[0].clone() }]);
    let mut driver = database.driver();
    let mut position = driver.position().unwrap();
    for (at, time) in (1..).zip(&times[1..]) {
        database.insert("t", &[doc! { "_id": at, "updated_at": time }]);
        let changes = follow(&mut driver, &position);
        let rows = changes.column("t", "_id");
        assert_eq!(rows.last(), Some(&format!("update {at}")), "{time}: {rows:?}");
        position = changes.position;
    }
    assert_eq!(follow(&mut database.driver(), &position).rows(), 0);
}

#[test]
fn the_column_can_be_named_and_strategies_do_not_share_positions() {
    let database = polling("poll_column").setting("change_detection_column", "seen");
    database.insert("t", &[doc! { "_id": 1, "seen": at(1) }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.insert("t", &[doc! { "_id": 2, "seen": at(2), "updated_at": at(0) }]);
    // The latest of the start comes again, since others may have its time.
    assert_eq!(follow(&mut driver, &start).column("t", "_id"), ["update 1", "update 2"]);
    let mut log = Database::new("poll_column").source();
    let words = ["--full-resync"];
    assert_failure(
        log.get_changes("poll_column", &start, limits(1)),
        "resync",
        "other-strategy",
        &words,
    );
    for column in ["meta.seen", "$seen", ""] {
        let refused = polling("x").setting("change_detection_column", column).connect();
        assert_failure(refused, "config", "unusable-column", &[column, "top-level"]);
    }
    let unknown = Database::new("x").setting("change_detection_strategy", "trigger");
    assert_failure(unknown.connect(), "config", "unknown-strategy", &["trigger"]);
}

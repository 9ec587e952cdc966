//! Servers that go away, change roles, or forget.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::Duration;

use cartridge_warp_sdk::testing::Collected;
use cartridge_warp_sdk::{Limits, Source};
use cartridge_warp_test_mongodb::bson::{Document, doc};
use cartridge_warp_test_mongodb::{ReplicaSet, Server, Settings};
use mongodb_source::MongodbSource;
use support::{Database, assert_failure, limits};

/// Reads until so many rows came.
fn read(source: &mut MongodbSource, position: &mut Vec<u8>, rows: usize) -> Vec<String> {
    let limits = Limits { wait: Duration::from_millis(500), ..limits(100) };
    let mut seen = Collected::default();
    for _ in 0..100 {
        let batch = source.get_changes("shop", position, limits).unwrap();
        seen.batches.extend(batch.tables);
        *position = batch.position;
        if seen.rows() >= rows {
            break;
        }
    }
    seen.column("t", "_id")
}

#[test]
fn the_stream_finds_the_new_primary_and_loses_nothing() {
    let server = Server::start(Settings::default());
    let set = ReplicaSet::start(server.port(), 3);
    let database = Database::at("shop", set.url("shop"));
    server.insert("shop", "t", &[doc! { "_id": 0 }]);
    let mut source = database.source();
    let mut position = source.current_position("shop").unwrap();
    for round in 1..=4 {
        server.insert("shop", "t", &[doc! { "_id": round }]);
        assert_eq!(read(&mut source, &mut position, 1), [round.to_string()], "before {round}");
        set.step_down();
        if round % 2 == 0 {
            assert!(set.cut() > 0);
        }
        server.insert("shop", "t", &[doc! { "_id": round * 10 }]);
        assert_eq!(read(&mut source, &mut position, 1), [(round * 10).to_string()], "{round}");
    }
    // One seed is enough to find the primary, whoever that is.
    let one = format!("mongodb://{}/?replicaSet=stand-ins", set.hosts()[(set.primary() + 1) % 3]);
    server.insert("shop", "t", &[doc! { "_id": 99 }]);
    let mut source = Database::at("shop", one).source();
    assert_eq!(read(&mut source, &mut position, 1), ["99"]);
}

#[test]
fn a_copy_goes_on_with_the_new_primary() {
    let server = Server::start(Settings::default());
    let set = ReplicaSet::start(server.port(), 3);
    let documents: Vec<Document> = (0..1000).map(|n| doc! { "_id": n }).collect();
    server.insert("shop", "t", &documents);
    let database = Database::at("shop", set.url("shop"));
    let mut source = database.source();
    let start = source.current_position("shop").unwrap();
    let chunks = source.plan_snapshot("shop", "t", &start, 1).unwrap();
    let (mut cursor, mut seen) = (None::<Vec<u8>>, Collected::default());
    loop {
        let step = source
            .get_full_snapshot("shop", "t", &chunks[0], cursor.as_deref(), limits(150))
            .unwrap();
        seen.batches.extend(step.rows);
        cursor = step.next_cursor;
        if cursor.is_none() {
            break;
        }
        set.step_down();
        set.cut();
    }
    let expected: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    assert_eq!(seen.column("t", "_id"), expected);
}

#[test]
fn a_server_that_is_restarted_or_killed_is_waited_for() {
    let mut server = Server::start(Settings::default());
    server.insert("shop", "t", &[doc! { "_id": 0 }]);
    let database = Database::at("shop", server.url("shop"));
    let mut source = database.source();
    let mut position = source.current_position("shop").unwrap();
    server.insert("shop", "t", &[doc! { "_id": 1 }]);
    assert_eq!(read(&mut source, &mut position, 1), ["1"]);
    for round in 2..4 {
        server.insert("shop", "t", &[doc! { "_id": round }]);
        if round == 2 {
            server.stop()
        } else {
            server.kill()
        }
        let wait = Duration::from_millis(100);
        let meanwhile =
            source.get_changes("shop", &position, Limits { wait, ..limits(10) }).unwrap();
        let rows: usize = meanwhile.tables.iter().map(|rows| rows.len()).sum();
        position = meanwhile.position;
        server.resume();
        if rows == 0 {
            assert!(!meanwhile.caught_up);
            assert_eq!(read(&mut source, &mut position, 1), [round.to_string()]);
        }
    }
}

#[test]
fn lost_history_says_what_is_lost_and_how_to_go_on() {
    let server = Server::start(Settings { oplog_entries_max: 1000, ..Settings::default() });
    server.insert("shop", "t", &[doc! { "_id": 0 }]);
    let database = Database::at("shop", server.url("shop"));
    let mut source = database.source();
    let mut position = source.current_position("shop").unwrap();
    server.insert("shop", "t", &[doc! { "_id": 1 }]);
    assert_eq!(read(&mut source, &mut position, 1), ["1"]);
    drop(source);
    // A server may forget later than it says so.
    let result = (0..5).map(|_| {
        server.forget_history();
        database.source().get_changes("shop", &position, limits(10))
    });
    let lost = result.into_iter().find(Result::is_err).expect("the server never forgets");
    let words = ["cannot go on from 20", "begins at 20", "--full-resync", "oplog"];
    assert_failure(lost, "resync", "history-lost", &words);
}

#[test]
fn a_quiet_collection_does_not_age_out_of_the_log() {
    let server = Server::start(Settings { oplog_entries_max: 1000, ..Settings::default() });
    server.insert("shop", "t", &[doc! { "_id": 0 }]);
    let database = Database::at("shop", server.url("shop"));
    let mut source = database.source();
    let start = source.current_position("shop").unwrap();
    let mut position = start.clone();
    let wait = Duration::from_millis(200);
    let mut follow = |position: &mut Vec<u8>| {
        let batch = source.get_changes("shop", position, Limits { wait, ..limits(10) });
        *position = batch.unwrap().position;
    };
    // Nothing happens but elsewhere, until the start is forgotten.
    follow(&mut position);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| server.forget_history());
        while !writer.is_finished() || position == start {
            follow(&mut position);
        }
    });
    let moved = position.clone();
    while position == moved {
        follow(&mut position);
    }
    server.insert("shop", "t", &[doc! { "_id": 1 }]);
    let mut source = database.source();
    assert_eq!(read(&mut source, &mut position, 1), ["1"]);
}

//! What no single real server of the tests does: split events, standalones, members that are not
//! there, answers that make no sense. A scripted server says it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use cartridge_warp_sdk::testing::Driver;
use cartridge_warp_sdk::{Limits, Source};
use cartridge_warp_test_mongodb::StandIn;
use cartridge_warp_test_mongodb::bson::{Document, doc};
use support::script::{batch, found, hello, insert, listed, refusal, stand_in, time, token};
use support::{Database, assert_failure, follow, limits, replica};

fn database(stand_in: &StandIn) -> Database {
    let url = format!("mongodb://127.0.0.1:{}/?directConnection=true", stand_in.port());
    Database::at("shop", url)
}

/// A stream whose answers are these, then nothing.
fn streaming(answers: Vec<Vec<Document>>) -> StandIn {
    let answers = Mutex::new((0_usize, answers));
    stand_in(hello(doc! {}), move |name, _| match name {
        "listCollections" => Some(listed(&["t"])),
        "find" => Some(found(vec![doc! { "_id": 1, "a": "x" }])),
        "aggregate" => Some(batch("firstBatch", 77, vec![], 1)),
        "getMore" => {
            let mut answers = answers.lock().unwrap();
            let (at, all) = &mut *answers;
            *at += 1;
            match all.get(*at - 1) {
                Some(events) => Some(batch("nextBatch", 77, events.clone(), 10 + *at as u32)),
                None => {
                    std::thread::sleep(Duration::from_millis(20));
                    Some(batch("nextBatch", 77, vec![], 100))
                }
            }
        }
        _ => None,
    })
}

fn fragments(increment: u32, id: i32) -> [Document; 3] {
    let split = |fragment: i32| doc! { "fragment": fragment, "of": 3 };
    let of = |fragment: i32| doc! { "_data": format!("82{:08X}{:08X}2B-{fragment}", 1_700_000_000, increment) };
    [
        doc! {
            "_id": of(1), "splitEvent": split(1), "operationType": "replace",
            "clusterTime": time(increment), "ns": { "db": "shop", "coll": "t" },
        },
        doc! { "_id": of(2), "splitEvent": split(2), "documentKey": { "_id": id } },
        doc! { "_id": of(3), "splitEvent": split(3), "fullDocument": { "_id": id, "a": "large" } },
    ]
}

#[test]
fn split_events_are_put_together_wherever_the_answers_end() {
    let [one, two, three] = fragments(3, 7);
    for answers in [
        vec![vec![insert(2, 1), one.clone(), two.clone(), three.clone(), insert(4, 2)]],
        vec![vec![insert(2, 1), one.clone()], vec![two.clone(), three.clone()], vec![insert(4, 2)]],
        vec![vec![insert(2, 1)], vec![one], vec![two], vec![three, insert(4, 2)]],
    ] {
        let server = streaming(answers);
        let mut driver = Driver::new(database(&server).source(), "shop");
        let start = driver.position().unwrap();
        let mut replica = replica();
        let mut position = start;
        while replica.rows("t", &["_id"]).len() < 3 {
            let changes = follow(&mut driver, &position);
            replica.apply(&changes);
            position = changes.position;
        }
        assert_eq!(replica.rows("t", &["_id", "a"]), ["1|x", "2|x", "7|large"]);
    }
}

#[test]
fn answers_that_make_no_sense_stop_the_pipeline() {
    let no_operation = doc! { "_id": token(2), "clusterTime": time(2) };
    let [one, _, three] = fragments(3, 7);
    let mut no_document = insert(2, 1);
    no_document.remove("fullDocument");
    for (events, word) in [
        (vec![no_operation], "operationType"),
        (vec![one.clone(), three], "fragment 3 of 3"),
        (vec![one, insert(4, 1)], "no end"),
        (vec![no_document], "fullDocument"),
    ] {
        let server = streaming(vec![events]);
        let mut driver = Driver::new(database(&server).source(), "shop");
        let start = driver.position().unwrap();
        let wait = Duration::from_secs(5);
        let limits = Limits { wait, ..limits(10) };
        let result = driver.source.get_changes("shop", &start, limits);
        assert_failure(result, "stop", "protocol", &[word]);
    }
}

#[test]
fn a_standalone_is_refused_with_what_helps_unless_it_is_polled() {
    let standalone = || {
        let mut answer = hello(doc! {});
        answer.remove("setName");
        stand_in(answer, |name, _| match name {
            "listCollections" => Some(listed(&[])),
            "find" => Some(found(vec![])),
            _ => None,
        })
    };
    let server = standalone();
    let mut source = database(&server).connect().unwrap();
    let words = ["--replSet", "rs.initiate()", "timestamp"];
    assert_failure(source.test_connection(), "config", "no-replica-set", &words);
    assert_failure(source.get_schema("shop"), "config", "no-replica-set", &words);
    let polling = database(&server).setting("change_detection_strategy", "timestamp");
    assert!(polling.connect().unwrap().get_schema("shop").is_ok());
}

#[test]
fn a_set_without_primary_or_of_another_name_is_an_error_that_says_so() {
    let secondary = || {
        let answer = hello(doc! { "isWritablePrimary": false, "secondary": true, "hosts": [] });
        stand_in(answer, |_, _| None)
    };
    let server = secondary();
    let url = format!("mongodb://127.0.0.1:{}/?serverSelectionTimeoutMS=600", server.port());
    assert_failure(Database::at("shop", url).connect(), "reconnect", "no-primary", &["no server"]);
    let primary = stand_in(hello(doc! {}), |_, _| None);
    let url = format!("mongodb://127.0.0.1:{}/?replicaSet=other", primary.port());
    let words = ["replica set rs0", "replicaSet=other"];
    assert_failure(Database::at("shop", url).connect(), "config", "wrong-replica-set", &words);
    let nobody = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500".to_owned();
    let words = ["127.0.0.1:1"];
    assert_failure(Database::at("shop", nobody).connect(), "reconnect", "unreachable", &words);
}

#[test]
fn members_that_do_not_fit_do_not_hide_the_primary() {
    let member = |rest: Document, gone: &[&str]| {
        let mut answer = hello(rest);
        gone.iter().for_each(|key| drop(answer.remove(key)));
        stand_in(answer, |_, _| None)
    };
    // One that starts, or was removed, knows no set; it may be of the right one in a moment.
    let starting = member(doc! { "isWritablePrimary": false, "isreplicaset": true }, &["setName"]);
    let standalone = member(doc! {}, &["setName"]);
    let other = member(doc! { "setName": "other" }, &[]);
    let right = member(doc! {}, &[]);
    let connect = |seeds: &[&StandIn]| {
        let seeds = seeds.iter().map(|seed| format!("127.0.0.1:{}", seed.port()));
        let seeds = seeds.collect::<Vec<_>>().join(",");
        let options = "replicaSet=rs0&serverSelectionTimeoutMS=600";
        Database::at("shop", format!("mongodb://{seeds}/?{options}")).connect()
    };
    for first in [&starting, &standalone, &other] {
        assert!(connect(&[first, &right]).is_ok());
    }
    let words = ["no server is primary"];
    assert_failure(connect(&[&starting]), "reconnect", "no-primary", &words);
    // Who is of another set stays so; whoever is not there may be the right one.
    let words = ["replica set other", "replicaSet=rs0"];
    assert_failure(connect(&[&other]), "config", "wrong-replica-set", &words);
    let words = ["no replica set", "replicaSet=rs0"];
    assert_failure(connect(&[&standalone]), "config", "wrong-replica-set", &words);
    assert_failure(connect(&[&other, &starting]), "reconnect", "no-primary", &[]);
}

#[test]
fn members_that_were_named_are_asked_when_the_seeds_are_gone() {
    let script = |name: &str| match name {
        "listCollections" => Some(listed(&["t"])),
        "find" => Some(found(vec![doc! { "_id": 1, "a": "x" }])),
        "aggregate" => Some(batch("firstBatch", 77, vec![], 1)),
        _ => None,
    };
    let second = stand_in(hello(doc! {}), move |name, _| match name {
        "getMore" => Some(batch("nextBatch", 77, vec![insert(5, 2)], 5)),
        other => script(other),
    });
    let hosts = vec![format!("127.0.0.1:{}", second.port())];
    let first = stand_in(hello(doc! { "hosts": hosts }), move |name, _| match name {
        "getMore" => Some(batch("nextBatch", 77, vec![], 2)),
        other => script(other),
    });
    let url = format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", first.port());
    let mut source = Database::at("shop", url).source();
    let position = source.current_position("shop").unwrap();
    let limits = Limits { wait: Duration::from_millis(200), ..limits(10) };
    let quiet = source.get_changes("shop", &position, limits).unwrap();
    assert!(quiet.tables.is_empty());
    drop(first);
    let limits = Limits { wait: Duration::from_secs(10), ..limits };
    let batch = source.get_changes("shop", &quiet.position, limits).unwrap();
    assert_eq!(batch.tables.iter().map(|rows| rows.len()).sum::<usize>(), 1);
}

#[test]
fn refusals_of_the_server_become_instructions() {
    for (code, action, word) in [
        // Nobody logged in; of users without a right tells auth.rs.
        (13, "config", "authentication"),
        (18, "config", "authentication"),
        (50, "retry", "interrupted"),
        (10107, "reconnect", "not-primary"),
        (9999, "stop", "mongodb"),
    ] {
        let server = stand_in(hello(doc! {}), move |name, _| match name {
            "listDatabases" => Some(refusal(code)),
            _ => None,
        });
        let mut source = database(&server).connect().unwrap();
        assert_failure(source.test_connection(), action, word, &["127.0.0.1"]);
    }
}

#[test]
fn behind_the_end_of_a_database_the_stream_goes_on_after_it_until_something_comes() {
    const ENDED: i64 = 78;
    let opened = Arc::new(Mutex::new(Vec::new()));
    let open = opened.clone();
    let server = stand_in(hello(doc! {}), move |name, command| match name {
        "listCollections" => Some(listed(&["t"])),
        "find" => Some(found(vec![doc! { "_id": 1, "a": "x" }])),
        "aggregate" => {
            let stage = command.get_array("pipeline").unwrap()[0].as_document().unwrap();
            let stream = stage.get_document("$changeStream").unwrap();
            open.lock().unwrap().push(stream.keys().cloned().collect::<Vec<String>>());
            let (id, at) = if stream.contains_key("startAfter") { (77, 9) } else { (ENDED, 1) };
            Some(batch("firstBatch", id, vec![], at))
        }
        "getMore" if command.get_i64("getMore").unwrap() == ENDED => {
            let end =
                doc! { "_id": token(9), "operationType": "invalidate", "clusterTime": time(9) };
            Some(batch("nextBatch", 0, vec![end], 9))
        }
        "getMore" => {
            std::thread::sleep(Duration::from_millis(20));
            Some(batch("nextBatch", 77, vec![], 9))
        }
        _ => None,
    });
    let mut source = database(&server).source();
    let mut position = source.current_position("shop").unwrap();
    // Longer than a position rests when nothing happens.
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        let limits = Limits { wait: Duration::from_millis(500), ..limits(10) };
        position = source.get_changes("shop", &position, limits).unwrap().position;
    }
    drop(source);
    database(&server).source().get_changes("shop", &position, limits(10)).unwrap();
    let opened = opened.lock().unwrap();
    assert!(opened.last().unwrap().contains(&"startAfter".to_owned()), "{opened:?}");
}

#[test]
fn collections_are_looked_at_several_at_once() {
    // Nobody is answered before all have asked.
    let both_ends_of_all = Arc::new(Barrier::new(3 * 2));
    let server = stand_in(hello(doc! {}), move |name, _| match name {
        "listCollections" => Some(listed(&["a", "b", "c"])),
        "aggregate" => Some(batch("firstBatch", 0, vec![], 1)),
        "find" => {
            both_ends_of_all.wait();
            Some(found(vec![doc! { "_id": 1, "a": "x" }]))
        }
        _ => None,
    });
    let tables = database(&server).connect().unwrap().get_schema("shop").unwrap();
    assert_eq!(tables.iter().map(|table| table.columns.len()).collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn a_look_that_takes_too_long_is_done_without() {
    let server = stand_in(hello(doc! {}), move |name, command| match name {
        "listCollections" => Some(listed(&["far", "near"])),
        "aggregate" => Some(batch("firstBatch", 0, vec![], 1)),
        "find" => {
            if command.get_str("find").unwrap() == "far" {
                std::thread::sleep(Duration::from_secs(60));
            }
            Some(found(vec![doc! { "_id": 1, "a": "x" }]))
        }
        _ => None,
    });
    let begun = Instant::now();
    let tables = database(&server).connect().unwrap().get_schema("shop").unwrap();
    assert_eq!(tables.iter().map(|table| table.columns.len()).collect::<Vec<_>>(), [1, 2]);
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
}

#[test]
fn a_database_of_too_many_collections_is_refused_with_their_number() {
    for (collections, words) in [
        (10_001, ["10001 collections", "10000"]),
        (20_001, ["more than 20000 collections", "10000"]),
    ] {
        let names: Vec<String> = (0..collections).map(|n| format!("c{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let list = listed(&names);
        let server = stand_in(hello(doc! {}), move |name, _| match name {
            "aggregate" => Some(batch("firstBatch", 77, vec![], 1)),
            "getMore" => Some(batch("nextBatch", 77, vec![], 100)),
            "listCollections" => Some(list.clone()),
            _ => None,
        });
        let schema = database(&server).connect().unwrap().get_schema("shop");
        assert_failure(schema, "config", "too-many-collections", &words);
    }
}

#[test]
fn an_id_that_makes_too_long_a_token_is_called_by_its_name() {
    let mut event = insert(2, 1);
    event.insert("_id", doc! { "_data": format!("{}{}", "82", "AB".repeat(31 << 10)) });
    let server = streaming(vec![vec![event, insert(3, 2)]]);
    let mut source = database(&server).source();
    let start = source.current_position("shop").unwrap();
    let limits = Limits { wait: Duration::from_secs(5), ..limits(1) };
    let changes = source.get_changes("shop", &start, limits);
    assert_failure(changes, "config", "id-too-large", &["resume token", "_id", "leave"]);
}

#[test]
fn a_sample_that_fails_is_done_without_and_a_server_that_is_away_is_not() {
    let server = |code: i32| {
        stand_in(hello(doc! {}), move |name, _| match name {
            "listCollections" => Some(listed(&["t"])),
            "aggregate" => Some(batch("firstBatch", 0, vec![], 1)),
            "count" | "find" => Some(refusal(code)),
            _ => None,
        })
    };
    let slow = server(50);
    let tables = database(&slow).connect().unwrap().get_schema("shop").unwrap();
    assert_eq!((tables[0].columns.len(), tables[0].estimated_rows), (1, None));
    let stepped_down = server(10107);
    let schema = database(&stepped_down).connect().unwrap().get_schema("shop");
    assert_failure(schema, "reconnect", "not-primary", &["127.0.0.1"]);
}

#[test]
fn the_options_of_the_stream_reach_the_server() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = heard.clone();
    let server = stand_in(hello(doc! {}), move |name, command| match name {
        "listCollections" => Some(listed(&[])),
        "aggregate" => {
            hear.lock().unwrap().push(command.clone());
            Some(batch("firstBatch", 0, vec![], 1))
        }
        _ => None,
    });
    for (options, word) in
        [("{}", "updateLookup"), (r#"{"full_document": "required"}"#, "required")]
    {
        let options = serde_json::from_str(options).unwrap();
        let mut source = Database { options, ..database(&server) }.connect().unwrap();
        source.get_schema("shop").unwrap();
        let command = heard.lock().unwrap().pop().unwrap();
        let pipeline = command.get_array("pipeline").unwrap();
        let stage = pipeline[0].as_document().unwrap().get_document("$changeStream").unwrap();
        assert_eq!(stage.get_str("fullDocument").ok(), Some(word));
        assert_eq!(stage.get_bool("showExpandedEvents").ok(), Some(true));
        let last = pipeline.last().unwrap().as_document().unwrap();
        assert!(last.contains_key("$changeStreamSplitLargeEvent"), "{last}");
    }
}

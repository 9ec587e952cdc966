//! A stream that is opened far behind the end of the log: the server reads for long before it says
//! anything, and only then whether it knows the token. A scripted server stands in for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

mod support;

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{ChangeBatch, Failure, Limits, Source};
use cartridge_warp_test_mongodb::StandIn;
use cartridge_warp_test_mongodb::bson::{Document, doc};
use mongodb_source::MongodbSource;
use support::script::{batch, found, hello, insert, listed, refusal, stand_in, time};
use support::{Database, assert_failure, limits};

/// How long the server reads its log, when it is asked for events.
const READING: Duration = Duration::from_secs(4);
/// What each call may take, and what it takes at most: others need the processor, too.
const WAIT: Duration = Duration::from_millis(200);
const CALL_MAX: Duration = Duration::from_secs(2);

/// The names of the commands that a server heard of the stream, and of questions whether it is there.
type Heard = Arc<Mutex<Vec<String>>>;

fn database(server: &StandIn) -> Database {
    let port = server.port();
    let url = format!("mongodb://127.0.0.1:{port}/?directConnection=true&connectTimeoutMS=700");
    Database::at("shop", url)
}

/// A server that reads for long before it has an event; `answers_others`: it says something to others
/// meanwhile.
fn slow(heard: &Heard, answers_others: bool) -> StandIn {
    let heard = heard.clone();
    let reads = move || sleep(READING);
    stand_in(hello(doc! {}), move |name, command| {
        let note = |word: &str| heard.lock().unwrap().push(word.to_owned());
        match name {
            "listCollections" => Some(listed(&["t"])),
            "find" => Some(found(vec![doc! { "_id": 1, "a": "x" }])),
            "aggregate" => {
                note(if is_resumed(command) { "resume" } else { "start" });
                if is_resumed(command) && batch_size(command) > 0 {
                    reads();
                }
                Some(batch("firstBatch", 77, vec![], 1))
            }
            "getMore" => {
                note("getMore");
                reads();
                Some(batch("nextBatch", 77, vec![insert(5, 2)], 5))
            }
            "ping" => {
                note("ping");
                if !answers_others {
                    reads();
                }
                None
            }
            _ => None,
        }
    })
}

fn is_resumed(command: &Document) -> bool {
    let pipeline = command.get_array("pipeline").unwrap();
    let stage = pipeline[0].as_document().unwrap().get_document("$changeStream").unwrap();
    stage.contains_key("resumeAfter") || stage.contains_key("startAtOperationTime")
}

fn batch_size(command: &Document) -> i64 {
    command.get_document("cursor").unwrap().get_i64("batchSize").unwrap()
}

/// Calls until one brings rows or fails, none of which may last longer than it should.
fn first_rows(source: &mut MongodbSource, position: &[u8]) -> Result<(usize, usize), Failure> {
    let mut position = position.to_vec();
    for calls in 1..100 {
        let begun = Instant::now();
        let result = source.get_changes("shop", &position, Limits { wait: WAIT, ..limits(10) });
        assert!(begun.elapsed() < CALL_MAX, "call {calls} took {:?}", begun.elapsed());
        let ChangeBatch { tables, position: behind, caught_up, .. } = result?;
        position = behind;
        let rows = tables.iter().map(|rows| rows.len()).sum();
        if rows > 0 {
            return Ok((calls, rows));
        }
        assert!(!caught_up, "nobody knows that yet");
    }
    panic!("nothing ever comes");
}

#[test]
fn a_server_that_reads_its_log_for_long_is_waited_for_in_many_calls() {
    let heard = Heard::default();
    let server = slow(&heard, true);
    let mut source = database(&server).source();
    let position = source.current_position("shop").unwrap();
    heard.lock().unwrap().clear();
    let (calls, rows) = first_rows(&mut source, &position).unwrap();
    assert!(calls > 5 && rows == 1, "{calls} calls, {rows} rows");
    let heard = heard.lock().unwrap().clone();
    let count = |word: &str| heard.iter().filter(|heard| *heard == word).count();
    assert_eq!(count("resume"), 1, "{heard:?}");
    assert!(count("ping") >= 2, "{heard:?}");
    // The second was asked for ahead.
    assert!(count("getMore") <= 2, "{heard:?}");
}

#[test]
fn a_server_that_answers_nobody_is_given_up() {
    let heard = Heard::default();
    let server = slow(&heard, false);
    let mut source = database(&server).source();
    let position = source.current_position("shop").unwrap();
    let failure = first_rows(&mut source, &position);
    assert_failure(failure, "reconnect", "no-answer", &["127.0.0.1", "700ms"]);
}

/// A server that refuses a stream that goes on behind a token with a code, when it is opened or when
/// it is first asked for events, and whose log begins at `oldest`.
fn forgetful(code: i32, when_opened: bool, oldest: u32) -> StandIn {
    let by_token = Mutex::new(false);
    stand_in(hello(doc! {}), move |name, command| match name {
        "listCollections" => Some(listed(&["t"])),
        "find" if command.get_str("find").ok() == Some("oplog.rs") => {
            Some(found(vec![doc! { "ts": time(oldest) }]))
        }
        "find" => Some(found(vec![doc! { "_id": 1, "a": "x" }])),
        "aggregate" => {
            let stage = command.get_array("pipeline").unwrap()[0].as_document().unwrap();
            let is_by_token =
                stage.get_document("$changeStream").unwrap().contains_key("resumeAfter");
            *by_token.lock().unwrap() = is_by_token;
            match is_by_token && when_opened {
                true => Some(refusal(code)),
                false => Some(batch("firstBatch", 77, vec![], 10)),
            }
        }
        "getMore" if *by_token.lock().unwrap() => Some(refusal(code)),
        "getMore" => Some(batch("nextBatch", 77, vec![insert(15, 2)], 15)),
        _ => None,
    })
}

#[test]
fn a_token_that_is_not_found_is_replaced_by_its_time_whenever_the_server_says_so() {
    for code in [260, 280, 40647] {
        for when_opened in [true, false] {
            let server = forgetful(code, when_opened, 1);
            let mut source = database(&server).source();
            let position = source.current_position("shop").unwrap();
            let rows = first_rows(&mut source, &position).map(|(_, rows)| rows);
            assert_eq!(rows, Ok(1), "{code} {when_opened}");
        }
    }
}

#[test]
fn history_that_is_lost_is_said_whenever_the_server_says_so() {
    for (code, oldest) in [(286, 1), (280, 12)] {
        for when_opened in [true, false] {
            let server = forgetful(code, when_opened, oldest);
            let mut source = database(&server).source();
            let position = source.current_position("shop").unwrap();
            let lost = first_rows(&mut source, &position);
            assert_failure(lost, "resync", "history-lost", &["--full-resync"]);
        }
    }
}

#[test]
fn a_position_is_as_near_to_its_end_as_the_log_says() {
    let server = forgetful(286, true, 4);
    let mut source = database(&server).source();
    assert_eq!(source.backlog("shop", None), Ok(None), "nothing is kept for nobody");
    let position = source.current_position("shop").unwrap();
    let log = source.backlog("shop", Some(&position)).unwrap().unwrap();
    // The stand-in's times are within one second.
    assert_eq!((log.left_us, log.bytes), (Some(0), None));
    assert_eq!(log.oldest_commit_us, Some(1_700_000_000_000_000));
    assert!(log.words.contains("reaches back to"), "{}", log.words);
}

#[test]
fn a_copy_shows_what_lies_before_the_stream_although_no_majority_had_it_yet() {
    let asked = Arc::new(Mutex::new(None));
    let hear = asked.clone();
    let server = stand_in(hello(doc! {}), move |name, command| match name {
        "listCollections" => Some(listed(&["t"])),
        "find" => {
            let concern = command.get_document("readConcern").ok();
            let time = concern.and_then(|concern| concern.get_timestamp("afterClusterTime").ok());
            if time.is_some() {
                *hear.lock().unwrap() = time;
            }
            Some(found(vec![doc! { "_id": 1, "a": "x" }]))
        }
        "aggregate" => {
            // The stream begins behind the last write, of which a majority has nothing yet.
            let mut answer = batch("firstBatch", 77, vec![], 10);
            answer.insert("operationTime", time(5));
            Some(answer)
        }
        _ => None,
    });
    let mut source = database(&server).source();
    let start = source.current_position("shop").unwrap();
    let chunks = source.plan_snapshot("shop", "t", &start, 1).unwrap();
    source.get_full_snapshot("shop", "t", &chunks[0], None, limits(10)).unwrap();
    assert_eq!(*asked.lock().unwrap(), Some(time(9)));
}

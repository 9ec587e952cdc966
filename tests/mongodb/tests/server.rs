//! The harness does what its users rely on.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests, too.

use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use bson::{Bson, Document, doc};
use cartridge_warp_test_mongodb::{Client, Refusal, Server, Settings, Tls};

fn numbers(count: i32) -> Vec<Document> {
    (0..count).map(|number| doc! {"_id": number, "text": number.to_string()}).collect()
}

/// The events of a change stream since a token, and the newest token.
fn events(client: &mut Client, after: Option<Bson>) -> Result<(Vec<Document>, Bson), Refusal> {
    let mut options = Document::new();
    if let Some(token) = after {
        options.insert("resumeAfter", token);
    }
    let watch = doc! {
        "aggregate": "numbers",
        "pipeline": [{"$changeStream": options}],
        "cursor": {"batchSize": 0},
    };
    let cursor = client.run("shop", watch)?;
    let cursor = cursor.get_document("cursor").unwrap();
    let more = doc! {"getMore": cursor.get_i64("id").unwrap(), "collection": "numbers",
    "maxTimeMS": 500, "batchSize": 1000};
    let answer = client.run("shop", more)?;
    let cursor = answer.get_document("cursor").unwrap();
    let events = cursor.get_array("nextBatch").unwrap().iter();
    let events = events.map(|event| event.as_document().unwrap().clone()).collect();
    Ok((events, cursor.get("postBatchResumeToken").unwrap().clone()))
}

fn key(event: &Document) -> i32 {
    event.get_document("documentKey").unwrap().get_i32("_id").unwrap()
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_the_change_stream_resumes() {
    let mut server = Server::start(Settings::default());
    let port = server.port();
    let (_, start) = events(&mut server.client(), None).unwrap();
    server.insert("shop", "numbers", &numbers(100));
    server.kill();
    assert!(Client::connect(port).is_err(), "a killed server does not listen");
    server.resume();
    assert_eq!(server.port(), port);
    assert_eq!(server.find("shop", "numbers", doc! {}).len(), 100);
    let (seen, token) = events(&mut server.client(), Some(start)).unwrap();
    let keys: Vec<i32> = seen.iter().map(key).collect();
    assert_eq!(keys, (0..100).collect::<Vec<_>>());
    server.restart();
    server.run("shop", doc! {"delete": "numbers", "deletes": [{"q": {"_id": 7}, "limit": 1}]});
    let (seen, _) = events(&mut server.client(), Some(token)).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].get_str("operationType").unwrap(), "delete");
}

/// Inserts documents one by one until the server is gone, and says how many it acknowledged.
fn insert_until_gone(port: u16) -> JoinHandle<i32> {
    spawn(move || {
        let mut client = Client::connect(port).unwrap();
        let mut inserts = (0..).map(|number| {
            client.insert("shop", "numbers", &[doc! {"_id": number}]).err().map(|_| number)
        });
        inserts.find_map(|gone| gone).unwrap()
    })
}

/// The keys that a change stream brought until the server was gone.
fn watch_until_gone(port: u16, mut after: Bson) -> JoinHandle<Vec<i32>> {
    spawn(move || {
        let mut client = Client::connect(port).unwrap();
        let mut keys = Vec::new();
        while let Ok((seen, token)) = events(&mut client, Some(after)) {
            keys.extend(seen.iter().map(key));
            after = token;
        }
        keys
    })
}

#[test]
fn a_server_killed_while_it_writes_has_what_it_said_it_had() {
    let mut server = Server::start(Settings::default());
    for _ in 0..5 {
        server.run("shop", doc! {"delete": "numbers", "deletes": [{"q": {}, "limit": 0}]});
        let (_, token) = events(&mut server.client(), None).unwrap();
        let watched = watch_until_gone(server.port(), token);
        let acknowledged = insert_until_gone(server.port());
        sleep(Duration::from_millis(700));
        server.kill();
        server.resume();
        let (acknowledged, watched) = (acknowledged.join().unwrap(), watched.join().unwrap());
        let there = server.find("shop", "numbers", doc! {}).len();
        let there = i32::try_from(there).unwrap();
        // The last one may have been done without an answer.
        assert!((acknowledged..=acknowledged + 1).contains(&there), "{acknowledged}: {there}");
        let last = watched.last().copied().unwrap();
        assert!(acknowledged > 100 && last > 0 && last < there, "{last} {acknowledged} {there}");
    }
}

#[test]
fn a_server_with_a_small_oplog_forgets() {
    let server = Server::start(Settings { oplog_entries_max: 1000, ..Settings::default() });
    server.insert("shop", "numbers", &numbers(1));
    let (_, token) = events(&mut server.client(), None).unwrap();
    server.insert("shop", "numbers", &numbers(2)[1..]);
    server.forget_history();
    match events(&mut server.client(), Some(token)) {
        Err(Refusal::Refused { code: 286, .. }) => {}
        other => panic!("ChangeStreamHistoryLost was expected, not {other:?}"),
    }
}

#[test]
fn a_server_is_gone_with_its_test() {
    let server = Server::start(Settings::default());
    let (port, directory) = (server.port(), server.directory().to_owned());
    drop(server);
    assert!(Client::connect(port).is_err() && !directory.exists());
}

#[test]
fn a_refusal_says_what_the_server_says() {
    let server = Server::start(Settings::default());
    let refused = server.client().insert("shop", "numbers", &[doc! {"_id": 1}, doc! {"_id": 1}]);
    match refused {
        Err(Refusal::Refused { code: 11000, message }) => {
            assert!(message.contains("duplicate key"))
        }
        other => panic!("a duplicate key was expected, not {other:?}"),
    }
    let unknown = server.client().run("shop", doc! {"noSuchCommand": 1});
    assert!(matches!(unknown, Err(Refusal::Refused { code: 59, .. })), "{unknown:?}");
}

#[test]
fn a_server_that_wants_logins_answers_the_administrator_and_no_stranger() {
    let mut server = Server::start(Settings { authorization: true, ..Settings::default() });
    server.insert("shop", "numbers", &numbers(1));
    server.restart();
    assert_eq!(server.find("shop", "numbers", doc! {}).len(), 1);
    let mut stranger = Client::connect(server.port()).unwrap();
    let refused = stranger.find("shop", "numbers", doc! {}).unwrap_err();
    assert!(matches!(refused, Refusal::Refused { code: 13, .. }), "{refused}");
    let user = doc! {"createUser": "stranger", "pwd": "x", "roles": ["root"]};
    let refused = stranger.run("admin", user).unwrap_err();
    assert!(matches!(refused, Refusal::Refused { code: 13, .. }), "{refused}");
}

#[test]
fn a_server_with_tls_is_reached_by_tls_and_not_without() {
    for tls in [Tls::OfServer, Tls::OfBoth] {
        let mut server = Server::start(Settings { tls, ..Settings::default() });
        server.insert("shop", "numbers", &numbers(3));
        server.restart();
        assert_eq!(server.find("shop", "numbers", doc! {}).len(), 3);
        let plain = Client::connect(server.port()).unwrap().run("admin", doc! {"hello": 1});
        assert!(matches!(plain, Err(Refusal::Broken(_))), "{plain:?}");
    }
}

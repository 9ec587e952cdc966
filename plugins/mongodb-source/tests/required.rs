//! `full_document: required`, where the server cannot bring post-images.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::Duration;

use cartridge_warp_sdk::{Limits, Source};
use cartridge_warp_test_mongodb::StandIn;
use cartridge_warp_test_mongodb::bson::{Bson, Document, doc};
use support::script::{batch, found, hello, refusal, stand_in};
use support::{Database, assert_failure, follow, limits};

/// A server of this version with these collections: whether each keeps post-images.
fn server(version: [i32; 4], collections: &[(&str, Option<bool>)]) -> StandIn {
    let entry = |(name, enabled): &(&str, Option<bool>)| {
        let images = enabled.map(|enabled| doc! { "enabled": enabled });
        let images = images.map(|images| doc! { "changeStreamPreAndPostImages": images });
        doc! { "name": *name, "type": "collection", "options": images.unwrap_or_default() }
    };
    let list: Vec<Bson> = collections.iter().map(|of| Bson::Document(entry(of))).collect();
    stand_in(hello(doc! {}), move |name, _| match name {
        "buildInfo" => Some(doc! { "ok": 1.0, "versionArray": version.to_vec() }),
        "listCollections" => {
            let cursor = doc! { "id": 0_i64, "ns": "shop.x", "firstBatch": list.clone() };
            Some(doc! { "ok": 1.0, "cursor": cursor })
        }
        "find" => Some(found(vec![doc! { "_id": 1 }])),
        "aggregate" => Some(batch("firstBatch", 77, vec![], 1)),
        "getMore" => {
            let words = "a post-image was not found for event: { fullDocument: { card: 4711 } }";
            let mut answer: Document = refusal(47);
            answer.insert("errmsg", words);
            Some(answer)
        }
        _ => None,
    })
}

fn database(server: &StandIn) -> Database {
    let options = serde_json::from_str(r#"{"full_document": "required"}"#).unwrap();
    let url = format!("mongodb://127.0.0.1:{}/?directConnection=true", server.port());
    Database { options, ..Database::at("shop", url) }
}

const COMMAND: [&str; 2] =
    ["db.runCommand({collMod:", "changeStreamPreAndPostImages: {enabled: true}})"];

#[test]
fn a_selected_collection_without_post_images_is_refused_with_the_command() {
    let server = server([6, 0, 0, 0], &[("none", None), ("off", Some(false)), ("on", Some(true))]);
    let select = |name: &str| {
        let mut source = database(&server).connect().unwrap();
        source.get_schema("shop").unwrap();
        source.select_tables("shop", &[name.to_owned()])
    };
    assert_eq!(select("on"), Ok(()));
    for name in ["none", "off"] {
        let collection = format!("\"{name}\"");
        let words = [COMMAND[0], COMMAND[1], &collection];
        assert_failure(select(name), "config", "no-post-images", &words);
    }
    // Without the option nobody needs them.
    let lookup = Database { options: mongodb_source::Options::default(), ..database(&server) };
    lookup.source();
}

#[test]
fn the_command_that_is_named_is_what_a_server_wants() {
    let database = Database::with("required", r#"{"full_document": "required"}"#);
    database.insert("t", &[doc! { "_id": 1, "n": 1 }]);
    let mut source = database.connect().unwrap();
    source.get_schema("required").unwrap();
    let refused = source.select_tables("required", &["t".to_owned()]);
    assert_failure(refused, "config", "no-post-images", &COMMAND);
    database.run(doc! { "collMod": "t", "changeStreamPreAndPostImages": { "enabled": true } });
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.update("t", doc! { "_id": 1 }, doc! { "$set": { "n": 2 } });
    assert_eq!(follow(&mut driver, &start).column("t", "n"), ["update 2"]);
}

#[test]
fn a_post_image_that_is_missing_asks_for_the_command_and_quotes_no_document() {
    let server = server([7, 0, 5, 0], &[("on", Some(true))]);
    let mut source = database(&server).source();
    let position = source.current_position("shop").unwrap();
    let wait = Duration::from_secs(5);
    let changes = source.get_changes("shop", &position, Limits { wait, ..limits(10) });
    let failure = changes.expect_err("there is no post-image");
    assert!(!format!("{failure:?}").contains("4711"), "{failure:?}");
    assert_failure(Err::<(), _>(failure), "config", "no-post-images", &COMMAND);
}

#[test]
fn a_server_before_post_images_is_refused() {
    let server = server([5, 0, 31, 0], &[]);
    let words = ["MongoDB 6.0", "full_document: required", "lookup"];
    assert_failure(database(&server).connect(), "config", "server-too-old", &words);
}

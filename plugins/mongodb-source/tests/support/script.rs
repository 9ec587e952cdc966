//! What scripted servers say: themselves, their collections, events of a change stream.

use std::sync::Arc;

use cartridge_warp_test_mongodb::bson::{Bson, Document, Timestamp, doc};
use cartridge_warp_test_mongodb::{Reaction, StandIn};

/// What a member of a replica set says about itself.
pub fn hello(rest: Document) -> Document {
    let mut answer = doc! {
        "ok": 1.0, "isWritablePrimary": true, "setName": "rs0", "minWireVersion": 0,
        "maxWireVersion": 21, "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48_000_000,
        "maxWriteBatchSize": 100_000, "logicalSessionTimeoutMinutes": 30,
    };
    answer.extend(rest);
    answer
}

/// A server that answers `hello` so, and to other commands what the script says.
pub fn stand_in(
    hello_answer: Document,
    script: impl Fn(&str, &Document) -> Option<Document> + Send + Sync + 'static,
) -> StandIn {
    let script = Arc::new(script);
    StandIn::start(move || {
        let (hello_answer, script) = (hello_answer.clone(), script.clone());
        Box::new(move |command| {
            let name = command.keys().next().map(String::as_str).unwrap_or_default();
            let answer = match name {
                "hello" | "isMaster" | "ismaster" => hello_answer.clone(),
                other => match (script(other, command), other) {
                    (Some(answer), _) => answer,
                    (None, "buildInfo") => doc! { "ok": 1.0, "versionArray": [7, 0, 5, 0] },
                    (None, _) => doc! { "ok": 1.0, "n": 0 },
                },
            };
            Reaction::Answer(answer)
        })
    })
}

/// A time of the cluster.
pub fn time(increment: u32) -> Timestamp {
    Timestamp { time: 1_700_000_000, increment }
}

/// The token of an event at this time.
pub fn token(increment: u32) -> Document {
    doc! { "_data": format!("82{:08X}{:08X}2B", 1_700_000_000, increment) }
}

/// An answer of a stream: `firstBatch` or `nextBatch`; cursor 0 has no more.
pub fn batch(key: &str, id: i64, documents: Vec<Document>, increment: u32) -> Document {
    let documents: Vec<Bson> = documents.into_iter().map(Bson::Document).collect();
    let mut cursor = doc! {
        "id": id, "ns": "shop.$cmd.aggregate", "postBatchResumeToken": token(increment),
    };
    cursor.insert(key, documents);
    doc! { "ok": 1.0, "cursor": cursor, "operationTime": time(increment) }
}

/// The database's list of collections.
pub fn listed(names: &[&str]) -> Document {
    let names: Vec<Bson> = names
        .iter()
        .map(|name| Bson::Document(doc! { "name": *name, "type": "collection", "options": {} }))
        .collect();
    doc! { "ok": 1.0, "cursor": { "id": 0_i64, "ns": "shop.$cmd.listCollections", "firstBatch": names } }
}

/// An answer to a query.
pub fn found(documents: Vec<Document>) -> Document {
    let documents: Vec<Bson> = documents.into_iter().map(Bson::Document).collect();
    doc! { "ok": 1.0, "cursor": { "id": 0_i64, "ns": "shop.t", "firstBatch": documents } }
}

/// A document that came to the collection `t`.
pub fn insert(increment: u32, id: i32) -> Document {
    doc! {
        "_id": token(increment), "operationType": "insert", "clusterTime": time(increment),
        "ns": { "db": "shop", "coll": "t" }, "documentKey": { "_id": id },
        "fullDocument": { "_id": id, "a": "x" },
    }
}

/// A command that is not done.
pub fn refusal(code: i32) -> Document {
    doc! { "ok": 0.0, "code": code, "codeName": "X", "errmsg": "no" }
}

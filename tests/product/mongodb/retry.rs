//! Dead letters of documents are tried again, by `_id`s that are ObjectIds and by those that are JSON.

use cartridge_warp_test_mongodb::{
    Settings,
    bson::{Bson, doc, oid::ObjectId},
};
use serde_json::Value;

use super::servers::{SCHEMA, Servers};

#[test]
fn letters_are_settled_by_their_documents_of_now() {
    let servers = Servers::start(Settings::default());
    let pipeline = servers.pipeline(&servers.source.url(""));
    servers.at_destination(&format!("CREATE SCHEMA {SCHEMA}"));
    let ids = |table: &str| -> [Bson; 3] {
        match table {
            "orders" => [1, 2, 3].map(|it| Bson::from(ObjectId::from_bytes([it; 12]))),
            _ => [1, 2, 3].map(|it| Bson::from(doc! { "shop": it, "at": "x" })),
        }
    };
    for table in ["orders", "pairs"] {
        servers.at_destination(&format!(
            "CREATE TABLE {SCHEMA}.{table} (_id text PRIMARY KEY, note text CHECK (note <> 'bad'))"
        ));
        let bad = |id: Bson| doc! { "_id": id, "note": "bad" };
        servers.source.insert(SCHEMA, table, &ids(table).map(bad));
    }
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    for table in ["orders", "pairs"] {
        let [first, second, _] = ids(table);
        let set = doc! { "q": { "_id": first }, "u": { "$set": { "note": "good", "new": 1 } } };
        servers.source.run(SCHEMA, doc! { "update": table, "updates": [set] });
        let gone = doc! { "q": { "_id": second }, "limit": 1 };
        servers.source.run(SCHEMA, doc! { "delete": table, "deletes": [gone] });
    }
    let ended = pipeline.run(&["--output", "json", "dlq", "retry", "--all"]);
    assert_eq!(ended.status.code(), Some(4), "{}{}", ended.stdout, ended.stderr);
    let came: Value = serde_json::from_str(&ended.stdout).unwrap();
    let counts = ["resolved", "gone_at_source", "refused"].map(|key| came[key].as_u64().unwrap());
    assert_eq!(counts, [4, 2, 2], "{came}");
    for table in ["orders", "pairs"] {
        let notes = servers.at_destination(&format!("SELECT note FROM {SCHEMA}.{table}"));
        assert_eq!(notes, ["good"], "{table}");
        let [_, _, third] = ids(table);
        let set = doc! { "q": { "_id": third }, "u": { "$set": { "note": "good" } } };
        servers.source.run(SCHEMA, doc! { "update": table, "updates": [set] });
    }
    let ended = pipeline.run(&["dlq", "retry", "--all"]);
    assert!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    let ended = pipeline.catch_up();
    assert!([Some(0), Some(4)].contains(&ended.status.code()), "{}", ended.stderr);
    for table in ["orders", "pairs"] {
        let notes = servers.at_destination(&format!("SELECT note FROM {SCHEMA}.{table}"));
        assert_eq!(notes, ["good", "good"], "{table}");
    }
}

//! Collections that are made before they have a document, while it runs and between two runs.

use cartridge_warp_test_mongodb::bson::{Document, doc};
use cartridge_warp_tests::{Ended, Running};

use super::assert_equal;
use super::emptiness::{KINDS, Kind, catch_up, follow, key_type, numbered, servers};
use super::servers::{SCHEMA, Servers};

/// What is done to collection `t` before it gets documents.
struct Case {
    name: &'static str,
    commands: fn() -> Vec<Document>,
}

fn create() -> Document {
    doc! {"create": "t"}
}

fn rename(to_drop: bool) -> Document {
    let [from, to] = ["build", "t"].map(|name| format!("{SCHEMA}.{name}"));
    doc! {"renameCollection": from, "to": to, "dropTarget": to_drop}
}

const CASES: &[Case] = &[
    Case { name: "created", commands: || vec![create()] },
    Case {
        name: "created, dropped, created",
        commands: || vec![create(), doc! {"drop": "t"}, create()],
    },
    Case { name: "created and dropped", commands: || vec![create(), doc! {"drop": "t"}] },
    Case {
        name: "capped",
        commands: || vec![doc! {"create": "t", "capped": true, "size": 1 << 20}],
    },
    Case {
        name: "validated",
        commands: || {
            let rule = doc! {"$jsonSchema": {"required": ["n"]}};
            vec![doc! {"create": "t", "validator": rule, "collation": {"locale": "en"}}]
        },
    },
    Case {
        name: "created, and another takes its place",
        commands: || {
            let one = doc! {"insert": "build", "documents": [{"_id": 7, "n": 7}]};
            vec![create(), one, rename(true)]
        },
    },
    Case {
        name: "made by an aggregation",
        commands: || {
            let one = doc! {"insert": "build", "documents": [{"_id": 7, "n": 7}]};
            let out = doc! {"aggregate": "build", "pipeline": [{"$out": "t"}], "cursor": {}};
            vec![create(), one, out, doc! {"drop": "build"}]
        },
    },
    Case {
        name: "made by an aggregation that merges",
        commands: || {
            let one = doc! {"insert": "build", "documents": [{"_id": 7, "n": 7}]};
            let merge = doc! {"aggregate": "build", "pipeline": [{"$merge": "t"}], "cursor": {}};
            vec![one, merge]
        },
    },
    Case {
        name: "with a view and a time series beside it",
        commands: || {
            let series = doc! {"create": "series", "timeseries": {"timeField": "at"}};
            vec![create(), doc! {"create": "view", "viewOn": "t", "pipeline": []}, series]
        },
    },
];

fn run(servers: &Servers, commands: Vec<Document>) {
    for command in commands {
        let database = if command.contains_key("renameCollection") { "admin" } else { SCHEMA };
        servers.source.run(database, command);
    }
}

/// Has it come behind everything that was written so far, as a collection of this name shows.
fn behind(servers: &Servers, running: &mut Running, last: &str) {
    servers.source.insert(SCHEMA, last, &numbered(0..2));
    running.wait_for(&format!("\"table\":\"{last}\""));
}

fn stop(running: Running) -> Ended {
    running.signal(15);
    running.wait(std::time::Duration::from_secs(60))
}

/// No attempt may fail for it: what is done again looks right in the end.
fn assert_smooth(what: &str, ended: &Ended) {
    assert!(ended.status.success(), "{what}: {}", ended.stderr);
    let failed = ["never described", "trying again", "\"ERROR\""];
    let failed = failed.iter().find(|words| ended.stderr.contains(**words));
    // A collection that was filled under another name is copied, which takes a new connection.
    let is_copied = ended.stderr.contains("is new; the connection is opened anew to copy it");
    assert!(failed.is_none() || is_copied, "{what}: {}", ended.stderr);
    assert!(!ended.stderr.contains("never described"), "{what}: {}", ended.stderr);
}

#[test]
fn a_collection_that_is_made_before_its_first_document_gets_its_key_from_that() {
    for (Case { name, commands }, Kind(kind, id)) in CASES.iter().zip(KINDS.iter().cycle()) {
        // Seen to be made by the connection that sees its first document, by one before, or by none.
        for seen in ["by the same", "by one before", "by none"] {
            let (servers, pipeline) = servers();
            let is_filled = (commands)().iter().any(|command| command.contains_key("insert"));
            // Documents of one collection have keys of one kind.
            let (kind, id) = if is_filled { (KINDS[0].0, KINDS[0].1) } else { (*kind, *id) };
            let what = format!("{name}, {kind}, seen {seen}");
            servers.source.insert(SCHEMA, "like", &[doc! {"_id": id(1), "n": 1}]);
            catch_up(&pipeline, &what);
            let mut running = (seen != "by none").then(|| follow(&pipeline));
            run(&servers, (commands)());
            if let Some(running) = &mut running {
                behind(&servers, running, "first");
            }
            if seen == "by one before" {
                assert_smooth(&what, &stop(running.take().unwrap()));
                running = Some(follow(&pipeline));
            }
            let document = |n: u8| doc! {"_id": id(n), "n": i32::from(n)};
            servers.source.insert(SCHEMA, "t", &[document(1), document(2)]);
            servers.source.insert(SCHEMA, "t", &[document(3)]);
            if let Some(mut running) = running {
                behind(&servers, &mut running, "last");
                assert_smooth(&what, &stop(running));
            }
            catch_up(&pipeline, &what);
            assert_eq!(key_type(&servers, "t"), key_type(&servers, "like"), "{what}");
            if !name.contains("view") {
                assert_equal(&servers, &pipeline);
            }
            assert_eq!(servers.rows("t").len(), if is_filled { 4 } else { 3 }, "{what}");
        }
    }
}

#[test]
fn a_thousand_collections_that_are_made_hold_nothing_up() {
    let (servers, pipeline) = servers();
    servers.source.insert(SCHEMA, "orders", &numbered(0..3));
    catch_up(&pipeline, "first");
    let mut running = follow(&pipeline);
    for n in 0..1_100 {
        servers.source.run(SCHEMA, doc! {"create": format!("made_{n:04}")});
    }
    servers.source.insert(SCHEMA, "made_0007", &numbered(0..5));
    servers.source.insert(SCHEMA, "made_1099", &numbered(0..5));
    behind(&servers, &mut running, "last");
    assert_smooth("many", &stop(running));
    catch_up(&pipeline, "again");
    let rows = ["made_0007", "made_1099", "last"].map(|name| servers.rows(name).len());
    assert_eq!(rows, [5, 5, 2]);
}

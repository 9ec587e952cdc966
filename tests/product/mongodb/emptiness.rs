//! Collections that are empty, or gone, or make place for others, at a restart and while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cartridge_warp_test_mongodb::Settings;
use cartridge_warp_test_mongodb::bson::spec::BinarySubtype;
use cartridge_warp_test_mongodb::bson::{Binary, Bson, DateTime, Document, doc, oid::ObjectId};
use cartridge_warp_tests::{Pipeline, Running};
use serde_json::json;

use super::assert_equal;
use super::servers::{SCHEMA, Servers};

pub(super) fn servers() -> (Servers, Pipeline) {
    let servers = Servers::start(Settings::default());
    let pipeline = servers.pipeline(&servers.source.url(""));
    (servers, pipeline)
}

pub(super) fn catch_up(pipeline: &Pipeline, what: &str) {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{what}: {}", ended.stderr);
}

/// Starts a run that follows.
pub(super) fn follow(pipeline: &Pipeline) -> Running {
    let mut running = pipeline.start();
    running.wait_for(super::STREAMING);
    running
}

/// Ends it behind everything that was written so far, by a collection of this name.
pub(super) fn end(servers: &Servers, mut running: Running, last: &str) {
    servers.source.insert(SCHEMA, last, &numbered(0..2));
    running.wait_for(&format!("\"table\":\"{last}\""));
    running.signal(15);
    let ended = running.wait(Duration::from_secs(60));
    assert!(ended.status.success(), "{last}: {}", ended.stderr);
}

pub(super) fn numbered(numbers: std::ops::Range<i32>) -> Vec<Document> {
    numbers.map(|number| doc! {"_id": number, "n": number}).collect()
}

/// A kind of key: the value for a number.
pub(super) struct Kind(pub &'static str, pub fn(u8) -> Bson);

pub(super) const KINDS: &[Kind] = &[
    Kind("integers", |n| Bson::Int32(i32::from(n))),
    Kind("longs", |n| Bson::Int64(i64::from(n) << 40)),
    Kind("UUIDs", |n| Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![n; 16] })),
    Kind("ObjectIds", |n| Bson::ObjectId(ObjectId::from_bytes([n; 12]))),
    Kind("strings", |n| Bson::String(format!("key {n}"))),
    Kind("dates", |n| Bson::DateTime(DateTime::from_millis(i64::from(n)))),
];

fn delete_all(servers: &Servers, collection: &str) {
    servers.source.run(SCHEMA, doc! {"delete": collection, "deletes": [{"q": {}, "limit": 0}]});
}

#[test]
fn a_key_keeps_its_type_while_its_collection_is_empty() {
    for Kind(kind, id) in KINDS {
        let (servers, pipeline) = servers();
        let document = |n: u8| doc! {"_id": id(n), "n": i32::from(n)};
        servers.source.insert(SCHEMA, "orders", &[document(1), document(2)]);
        servers.source.insert(SCHEMA, "users", &numbered(0..3));
        catch_up(&pipeline, kind);
        let key = || {
            servers.at_destination(&format!(
                "SELECT data_type FROM information_schema.columns WHERE table_schema = '{SCHEMA}'
                 AND table_name = 'orders' AND column_name = '_id'"
            ))
        };
        let before = key();
        delete_all(&servers, "orders");
        // Once with the deletes behind it, once with nothing at all.
        catch_up(&pipeline, kind);
        catch_up(&pipeline, kind);
        assert_eq!(servers.rows("orders").len(), 0, "{kind}");
        servers.source.insert(SCHEMA, "orders", &[document(2), document(3)]);
        catch_up(&pipeline, kind);
        assert_eq!(key(), before, "{kind}");
        let rows = servers.rows("orders");
        assert_eq!(rows.len(), 2, "{kind}");
        // Emptied while everything is stopped, by a name that another takes.
        delete_all(&servers, "orders");
        servers.source.insert(SCHEMA, "build", &[document(7)]);
        let [from, to] = ["build", "orders"].map(|name| format!("{SCHEMA}.{name}"));
        let rename = doc! {"renameCollection": from, "to": to, "dropTarget": true};
        servers.source.run("admin", rename);
        catch_up(&pipeline, kind);
        assert_eq!((key(), servers.rows("orders").len()), (before, 1), "{kind}");
    }
}

pub(super) fn key_type(servers: &Servers, table: &str) -> Vec<String> {
    servers.at_destination(&format!(
        "SELECT data_type FROM information_schema.columns WHERE table_schema = '{SCHEMA}'
         AND table_name = '{table}' AND column_name = '_id'"
    ))
}

#[test]
fn a_first_run_on_an_empty_collection_ends_like_one_that_began_later() {
    // Empty at the first run or emptied by then, and filled while it is stopped or while it runs.
    let cases = [(true, false), (true, true), (false, true)];
    for (Kind(kind, id), (made, live)) in KINDS.iter().zip(cases.into_iter().cycle()) {
        let what = format!("{kind}, made {made}, live {live}");
        let (servers, pipeline) = servers();
        let document = |n: u8| doc! {"_id": id(n), "n": i32::from(n)};
        servers.source.insert(SCHEMA, "like", &[document(1)]);
        if made {
            servers.source.run(SCHEMA, doc! {"create": "orders"});
        } else {
            servers.source.insert(SCHEMA, "orders", &[document(9)]);
            delete_all(&servers, "orders");
        }
        catch_up(&pipeline, &what);
        catch_up(&pipeline, &what);
        let running = live.then(|| follow(&pipeline));
        servers.source.insert(SCHEMA, "orders", &[document(1), document(2)]);
        servers.source.insert(SCHEMA, "orders", &[document(3)]);
        if let Some(running) = running {
            end(&servers, running, "last");
        }
        catch_up(&pipeline, &what);
        assert_eq!(key_type(&servers, "orders"), key_type(&servers, "like"), "{what}");
        assert_eq!(servers.rows("orders").len(), 3, "{what}");
        // Emptied again it keeps what it has come to.
        delete_all(&servers, "orders");
        catch_up(&pipeline, &what);
        assert_eq!(key_type(&servers, "orders"), key_type(&servers, "like"), "{what}");
    }
}

#[test]
fn a_collection_that_is_made_anew_is_empty_before_its_first_document() {
    for soft in [false, true] {
        let (servers, mut pipeline) = servers();
        if soft {
            let orders = json!([{"name": "orders", "deletion_strategy": "soft"}]);
            pipeline.set("schemas.0.tables", orders);
        }
        servers.source.insert(SCHEMA, "orders", &numbered(0..10));
        let mut running = follow(&pipeline);
        servers.source.run(SCHEMA, doc! {"drop": "orders"});
        // A new collection has no table before its first document.
        servers.source.run(SCHEMA, doc! {"create": "quiet"});
        servers.source.insert(SCHEMA, "first", &numbered(0..2));
        running.wait_for("\"table\":\"first\"");
        let left = || {
            let live = if soft { "WHERE NOT is_deleted" } else { "" };
            servers.at_destination(&format!("SELECT count(*) FROM {SCHEMA}.orders {live}"))
        };
        assert_eq!(left(), ["10"], "soft {soft}: kept until the name comes back");
        servers.source.run(SCHEMA, doc! {"create": "orders"});
        end(&servers, running, "last");
        assert_eq!(left(), ["0"], "soft {soft}");
        let tables = format!("SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}'");
        assert!(!servers.at_destination(&tables).contains(&"quiet".to_owned()), "soft {soft}");
        servers.source.insert(SCHEMA, "orders", &numbered(5..8));
        servers.source.insert(SCHEMA, "quiet", &numbered(5..8));
        catch_up(&pipeline, "filled");
        assert_eq!(
            (left(), key_type(&servers, "quiet")),
            (vec!["3".to_owned()], vec!["bigint".to_owned()])
        );
    }
}

#[test]
fn a_schema_goes_on_while_its_database_is_empty() {
    for (configured, live) in [(false, false), (true, false), (false, true)] {
        let what = format!("configured {configured}, live {live}");
        let (servers, mut pipeline) = servers();
        if configured {
            pipeline.set("schemas.0.tables", json!([{"name": "orders"}]));
        }
        let refused = pipeline.catch_up();
        assert_eq!(refused.status.code(), Some(1), "{what}: {}", refused.stderr);
        assert!(refused.stderr.contains("no table"), "{what}: {}", refused.stderr);
        servers.source.insert(SCHEMA, "orders", &numbered(0..10));
        catch_up(&pipeline, &what);
        servers.source.run(SCHEMA, doc! {"dropDatabase": 1});
        // The first sees it go, the second begins with nothing.
        catch_up(&pipeline, &what);
        let running = live.then(|| follow(&pipeline));
        if !live {
            catch_up(&pipeline, &what);
        }
        assert_eq!(servers.rows("orders").len(), 10, "{what}: what was copied is kept");
        servers.source.insert(SCHEMA, "orders", &numbered(5..8));
        if let Some(running) = running {
            end(&servers, running, "users");
        }
        assert_equal(&servers, &pipeline);
    }
}

#[test]
fn collections_that_are_left_out_do_not_hold_a_start_up() {
    let (servers, mut pipeline) = servers();
    servers.source.insert(SCHEMA, "orders", &numbered(0..10));
    pipeline.set("schemas.0.table_blacklist", json!(["scratch_*"]));
    pipeline.set("error_handling.max_retries", json!(2));
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut client = servers.source.client();
    let writer = std::thread::spawn(move || {
        for n in 0.. {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            client.insert(SCHEMA, &format!("scratch_{n}"), &[doc! {"_id": 1}]).unwrap();
            if n >= 50 {
                client.run(SCHEMA, doc! {"drop": format!("scratch_{}", n - 50)}).unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let running = follow(&pipeline);
    servers.source.insert(SCHEMA, "orders", &numbered(10..12));
    end(&servers, running, "users");
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    catch_up(&pipeline, "all of it");
    assert_eq!((servers.rows("orders").len(), servers.rows("users").len()), (12, 2));
    let tables =
        format!("SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}' ORDER BY 1");
    let tables = servers.at_destination(&tables);
    assert!(tables.iter().all(|name| !name.starts_with("scratch")), "{tables:?}");
}

/// The names of many collections, as long as they may be.
fn many(count: usize) -> impl Iterator<Item = String> {
    let long = "x".repeat(150);
    (0..count).map(move |n| format!("zz_{long}_{n:04}"))
}

#[test]
fn no_dropped_collection_is_forgotten_however_many_follow() {
    // Seen to go, or gone before a restart; then back while it runs, or while it does not.
    for (seen, back_live) in [(false, false), (true, false), (false, true), (true, true)] {
        let what = format!("seen {seen}, back while it runs {back_live}");
        let (servers, mut pipeline) = servers();
        pipeline.set("schemas.0.table_blacklist", json!(["zz_*"]));
        servers.source.insert(SCHEMA, "orders", &numbered(0..100));
        servers.source.insert(SCHEMA, "users", &numbered(0..3));
        catch_up(&pipeline, &what);
        let running = seen.then(|| follow(&pipeline));
        servers.source.run(SCHEMA, doc! {"drop": "orders"});
        for name in many(300) {
            servers.source.insert(SCHEMA, &name, &[doc! {"_id": 1}]);
            servers.source.run(SCHEMA, doc! {"drop": name});
        }
        match running {
            Some(running) => end(&servers, running, "first"),
            None => catch_up(&pipeline, &what),
        }
        assert_eq!(servers.rows("orders").len(), 100, "{what}: kept until the name comes back");
        let running = back_live.then(|| follow(&pipeline));
        servers.source.insert(SCHEMA, "orders", &numbered(90..120));
        if let Some(running) = running {
            end(&servers, running, "last");
        }
        assert_equal(&servers, &pipeline);
        assert_eq!(servers.rows("orders").len(), 30, "{what}");
    }
}

#[test]
fn a_drop_that_the_rules_let_through_is_made_also_when_nobody_saw_it() {
    let (servers, mut pipeline) = servers();
    pipeline.set(
        "schema_evolution",
        json!({
            "strategy": "aggressive", "require_approval_for_dangerous_changes": false,
        }),
    );
    servers.source.insert(SCHEMA, "orders", &numbered(0..10));
    servers.source.insert(SCHEMA, "users", &numbered(0..3));
    catch_up(&pipeline, "first");
    servers.source.run(SCHEMA, doc! {"drop": "orders"});
    catch_up(&pipeline, "dropped");
    let tables = format!("SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}'");
    assert_eq!(servers.at_destination(&tables), ["users"]);
    servers.source.insert(SCHEMA, "orders", &[doc! {"_id": "another kind", "n": 1}]);
    assert_equal(&servers, &pipeline);
}

#[test]
fn a_collection_that_comes_back_with_keys_of_another_kind_says_what_helps() {
    for live in [false, true] {
        let (servers, pipeline) = servers();
        servers.source.insert(SCHEMA, "orders", &numbered(0..10));
        catch_up(&pipeline, "first");
        servers.source.run(SCHEMA, doc! {"drop": "orders"});
        if live {
            catch_up(&pipeline, "dropped");
        }
        servers.source.insert(SCHEMA, "orders", &[doc! {"_id": "another kind", "n": 1}]);
        let refused = pipeline.catch_up();
        assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("--full-resync=shop.orders"), "{}", refused.stderr);
        let resync = pipeline.run(&["run", "--until-caught-up", "--full-resync=orders"]);
        assert!(resync.status.success(), "live {live}: {}", resync.stderr);
        assert_equal(&servers, &pipeline);
    }
}

#[test]
fn what_cannot_be_named_is_the_problem_of_that_field_or_collection_only() {
    let (servers, pipeline) = servers();
    let odd = [
        "two\nlines",
        "zero\u{200b}width",
        "mark\u{feff}",
        "line\u{2028}",
        "arabic\u{61c}mark",
        "tag\u{e0041}",
        "left\u{202e}right",
        "_op",
        "__op",
        "_ts",
        "_unchanged",
        "",
        "xmin",
        "\u{1d173}",
        "note\u{fff9}",
    ];
    let document = |id: i32| {
        let fields = odd.iter().map(|name| ((*name).to_owned(), Bson::from(*name)));
        std::iter::once(("_id".to_owned(), Bson::Int32(id))).chain(fields).collect::<Document>()
    };
    servers.source.insert(SCHEMA, "orders", &[document(1)]);
    servers.source.insert(SCHEMA, "zero\u{200b}width", &numbered(0..3));
    let running = follow(&pipeline);
    servers.source.insert(SCHEMA, "orders", &[document(2)]);
    servers.source.insert(SCHEMA, "line\u{2028}", &numbered(0..3));
    end(&servers, running, "last");
    let again = pipeline.catch_up();
    assert!(again.status.success(), "{}", again.stderr);
    assert!(again.stderr.contains("no table can be called so"), "{}", again.stderr);
    let rows = servers.rows("orders");
    assert_eq!(rows.len(), 2);
    for row in rows {
        let values: Vec<&str> = row.values().flatten().map(String::as_str).collect();
        for name in odd {
            assert!(values.contains(&name), "{name:?} is not in {values:?}");
        }
    }
    let tables =
        format!("SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}' ORDER BY 1");
    assert_eq!(servers.at_destination(&tables), ["last", "orders"]);
}

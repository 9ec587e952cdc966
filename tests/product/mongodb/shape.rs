//! Collections that are dropped, renamed and made anew, and fields that change their type.

use cartridge_warp_test_mongodb::Settings;
use cartridge_warp_test_mongodb::bson::{Bson, Document, doc};
use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

use super::servers::{SCHEMA, Servers};
use super::{assert_equal, compare};

fn servers() -> Servers {
    Servers::start(Settings::default())
}

fn pipeline(servers: &Servers) -> Pipeline {
    servers.pipeline(&servers.source.url(""))
}

fn numbered(numbers: std::ops::Range<i32>) -> Vec<Document> {
    numbers.map(|number| doc! {"_id": number, "n": number}).collect()
}

/// Copies what is there, then runs this at the source, and copies again; between the two runs, or
/// while one follows.
fn before_and_after(servers: &Servers, pipeline: &Pipeline, live: bool, change: &dyn Fn()) {
    if !live {
        let first = pipeline.catch_up();
        assert!(first.status.success(), "{}", first.stderr);
        change();
        return;
    }
    let mut running = pipeline.start();
    running.wait_for(super::STREAMING);
    change();
    servers.source.insert(SCHEMA, "last", &[doc! {"_id": "last"}]);
    running.wait_for("\"table\":\"last\"");
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(30));
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn a_dropped_collection_stays_unless_the_rules_let_it_go() {
    let free = json!({
        "strategy": "aggressive",
        "require_approval_for_risky_changes": false,
        "require_approval_for_dangerous_changes": false,
    });
    // A collection that goes while nobody follows is never announced, so its table stays.
    let cases = [(json!({}), false, true), (json!({}), true, true), (free, true, false)];
    for (rules, live, stays) in cases {
        let servers = servers();
        servers.source.insert(SCHEMA, "orders", &numbered(0..10));
        servers.source.insert(SCHEMA, "users", &numbered(0..10));
        let mut pipeline = pipeline(&servers);
        pipeline.set("schema_evolution", rules.clone());
        before_and_after(&servers, &pipeline, live, &|| {
            servers.source.run(SCHEMA, doc! {"drop": "orders"});
        });
        assert_equal(&servers, &pipeline);
        let tables = format!(
            "SELECT count(*) FROM pg_tables WHERE schemaname = '{SCHEMA}' AND tablename = 'orders'"
        );
        let tables = servers.at_destination(&tables);
        assert_eq!(tables, [u8::from(stays).to_string()], "{rules}, live {live}");
        assert_eq!(servers.rows("orders").len(), if stays { 10 } else { 0 });
    }
}

#[test]
fn a_collection_that_comes_back_begins_empty() {
    for live in [false, true] {
        let servers = servers();
        servers.source.insert(SCHEMA, "orders", &numbered(0..100));
        let pipeline = pipeline(&servers);
        before_and_after(&servers, &pipeline, live, &|| {
            servers.source.run(SCHEMA, doc! {"drop": "orders"});
            servers.source.insert(SCHEMA, "orders", &numbered(90..120));
        });
        assert_equal(&servers, &pipeline);
        assert_eq!(servers.rows("orders").len(), 30, "live {live}");
    }
}

#[test]
fn a_collection_that_went_unseen_and_comes_back_later_begins_empty() {
    for back_while_followed in [false, true] {
        let servers = servers();
        servers.source.insert(SCHEMA, "orders", &numbered(0..100));
        servers.source.insert(SCHEMA, "users", &numbered(0..10));
        let pipeline = pipeline(&servers);
        before_and_after(&servers, &pipeline, false, &|| {
            servers.source.run(SCHEMA, doc! {"drop": "orders"});
        });
        before_and_after(&servers, &pipeline, back_while_followed, &|| {
            servers.source.insert(SCHEMA, "orders", &numbered(90..120));
        });
        assert_equal(&servers, &pipeline);
        assert_eq!(servers.rows("orders").len(), 30, "followed: {back_while_followed}");
    }
}

#[test]
fn collections_are_rotated_without_anybody_doing_anything() {
    for live in [false, true] {
        let servers = servers();
        servers.source.insert(SCHEMA, "orders", &numbered(0..100));
        let pipeline = pipeline(&servers);
        before_and_after(&servers, &pipeline, live, &|| {
            // Away under another name, and back both as a new collection and by a rename.
            for (archive, numbers) in [("orders_1", 90..120), ("orders_2", 110..150)] {
                let [from, to] = ["orders", archive].map(|name| format!("{SCHEMA}.{name}"));
                servers.source.run("admin", doc! {"renameCollection": from, "to": to});
                servers.source.insert(SCHEMA, "orders", &numbered(numbers));
            }
            servers.source.run(SCHEMA, doc! {"drop": "orders"});
            servers.source.insert(SCHEMA, "build", &numbered(500..520));
            let [from, to] = ["build", "orders"].map(|name| format!("{SCHEMA}.{name}"));
            servers.source.run("admin", doc! {"renameCollection": from, "to": to});
            servers.source.insert(SCHEMA, "orders", &numbered(520..525));
        });
        assert_equal(&servers, &pipeline);
        let rows = ["orders", "orders_1", "orders_2"].map(|name| servers.rows(name).len());
        assert_eq!(rows, [25, 100, 30], "live {live}");
    }
}

#[test]
fn a_renamed_collection_is_copied_under_its_new_name() {
    for (live, replaced) in [(false, false), (true, false), (false, true), (true, true)] {
        let servers = servers();
        servers.source.insert(SCHEMA, "orders", &numbered(0..100));
        servers.source.insert(SCHEMA, "users", &numbered(0..10));
        if replaced {
            servers.source.insert(SCHEMA, "sales", &numbered(500..600));
        }
        let pipeline = pipeline(&servers);
        before_and_after(&servers, &pipeline, live, &|| {
            let [from, to] = ["orders", "sales"].map(|name| format!("{SCHEMA}.{name}"));
            let rename = doc! {"renameCollection": from, "to": to, "dropTarget": replaced};
            servers.source.run("admin", rename);
            servers.source.insert(SCHEMA, "sales", &numbered(100..110));
        });
        assert_equal(&servers, &pipeline);
        assert_eq!(servers.rows("sales").len(), 110, "live {live}, replaced {replaced}");
    }
}

#[test]
fn documents_are_one_column_or_their_nested_fields_are_columns() {
    let document =
        |id: i32, n: Bson| doc! {"_id": id, "n": n, "at": {"city": "Delft", "x": {"y": 1}}};
    let json =
        |id: i32, n: Value| json!({"_id": id, "n": n, "at": {"city": "Delft", "x": {"y": 1}}});
    // Whole documents have no columns that could change their types.
    let whole = |id: i32, n: Value| json!({"_id": id.to_string(), "document": json(id, n)});
    let flattened = |id: i32, n: Value| json!({"_id": id.to_string(), "n": n.to_string(), "at_city": "Delft", "at_x": {"y": 1}});
    let cases = [
        (
            json!({"schema_mode": "document"}),
            Bson::from("two"),
            [whole(1, json!("two")), whole(2, json!("two"))],
        ),
        (
            json!({"max_document_depth": 1}),
            Bson::from(2),
            [flattened(1, json!(2)), flattened(2, json!(2))],
        ),
    ];
    for (options, later, wanted) in cases {
        for live in [false, true] {
            let servers = servers();
            let old = [document(1, Bson::from(1)), document(3, Bson::from(1))];
            servers.source.insert(SCHEMA, "orders", &old);
            let mut pipeline = pipeline(&servers);
            pipeline.set("source.options", options.clone());
            before_and_after(&servers, &pipeline, live, &|| {
                let update = doc! {"q": {"_id": 1}, "u": {"$set": {"n": later.clone()}}};
                servers.source.run(SCHEMA, doc! {"update": "orders", "updates": [update]});
                let delete = doc! {"q": {"_id": 3}, "limit": 1};
                servers.source.run(SCHEMA, doc! {"delete": "orders", "deletes": [delete]});
                servers.source.insert(SCHEMA, "orders", &[document(2, later.clone())]);
            });
            let ended = pipeline.catch_up();
            assert!(ended.status.success(), "{options}: {}", ended.stderr);
            let mut found: Vec<Value> = servers.rows("orders").iter().map(texts_to_json).collect();
            found.sort_unstable_by_key(|row| row["_id"].to_string());
            assert_eq!(found, wanted, "{options}, live {live}");
        }
    }
}

#[test]
fn options_that_make_other_rows_are_refused_until_everything_is_copied_anew() {
    let servers = servers();
    servers.source.insert(
        SCHEMA,
        "orders",
        &[doc! {"_id": "a", "n": 1}, doc! {"_id": "b", "n": 1}],
    );
    let mut pipeline = pipeline(&servers);
    let first = pipeline.catch_up();
    assert!(first.status.success(), "{}", first.stderr);
    let update = doc! {"q": {"_id": "a"}, "u": {"$set": {"n": 2}}};
    servers.source.run(SCHEMA, doc! {"update": "orders", "updates": [update]});
    pipeline.set("source.options", json!({"id_type": "json"}));
    let refused = pipeline.catch_up();
    assert!(!refused.status.success(), "{}", refused.stderr);
    for words in ["id_type: auto", "id_type: json", "--full-resync"] {
        assert!(refused.stderr.contains(words), "no {words} in {}", refused.stderr);
    }
    assert_eq!(servers.rows("orders").len(), 2, "a refused run writes nothing");
    let resync = pipeline.run(&["run", "--until-caught-up", "--full-resync"]);
    assert!(resync.status.success(), "{}", resync.stderr);
    let ids = servers.at_destination(&format!("SELECT _id || n FROM {SCHEMA}.orders ORDER BY 1"));
    assert_eq!(ids, [r#""a"2"#, r#""b"1"#]);
    assert!(pipeline.catch_up().status.success());
}

/// A row whose JSON columns are read.
fn texts_to_json(row: &compare::Row) -> Value {
    let column = |(name, text): (&String, &Option<String>)| {
        let text = text.clone().unwrap_or_default();
        let nested = text.starts_with('{').then(|| serde_json::from_str(&text).unwrap());
        (name.clone(), nested.unwrap_or(Value::from(text)))
    };
    row.iter().map(column).collect()
}

/// A field's values over time, the rules, and the text that the column holds at the end; none where
/// the rules refuse the change.
struct TypeCase {
    name: &'static str,
    values: [Bson; 2],
    rules: Value,
    wanted: Option<[&'static str; 2]>,
}

#[test]
fn a_field_that_changes_its_type_follows_the_rules() {
    let permissive =
        || json!({"strategy": "permissive", "require_approval_for_risky_changes": false});
    let cases = [
        TypeCase {
            name: "a wider number",
            values: [Bson::Int32(1), Bson::Int64(1 << 40)],
            rules: json!({}),
            wanted: Some(["1", "1099511627776"]),
        },
        TypeCase {
            name: "text after numbers wants approval",
            values: [Bson::Int32(1), Bson::from("two")],
            rules: json!({}),
            wanted: None,
        },
        TypeCase {
            name: "text after numbers, approved",
            values: [Bson::Int32(1), Bson::from("two")],
            rules: permissive(),
            wanted: Some(["1", "two"]),
        },
        TypeCase {
            name: "a nested value after numbers, approved",
            values: [Bson::Int32(1), Bson::from(doc! {"a": 2})],
            rules: permissive(),
            wanted: Some(["1", "{\"a\": 2}"]),
        },
    ];
    for TypeCase { name, values: [first, second], rules, wanted } in cases {
        for live in [false, true] {
            let servers = servers();
            servers.source.insert(SCHEMA, "orders", &[doc! {"_id": 1, "v": first.clone()}]);
            let mut pipeline = pipeline(&servers);
            pipeline.set("schema_evolution", rules.clone());
            let change = doc! {"_id": 2, "v": second.clone()};
            let change = || servers.source.insert(SCHEMA, "orders", std::slice::from_ref(&change));
            if wanted.is_some() {
                before_and_after(&servers, &pipeline, live, &change);
                let ended = pipeline.catch_up();
                assert!(ended.status.success(), "{name}: {}", ended.stderr);
                let rows: Vec<compare::Row> = servers.rows("orders");
                let mut found: Vec<_> = rows.iter().map(|row| row["v"].as_deref()).collect();
                found.sort_unstable();
                let wanted = wanted.map(|texts| texts.map(Some).to_vec());
                assert_eq!(Some(found), wanted, "{name}, live {live}");
            } else if !live {
                before_and_after(&servers, &pipeline, false, &change);
                let ended = pipeline.catch_up();
                assert_eq!(ended.status.code(), Some(1), "{name}: {}", ended.stderr);
                assert!(ended.stderr.contains("waits for a person"), "{}", ended.stderr);
                assert_eq!(servers.rows("orders").len(), 1, "{name}: nothing is half done");
            }
        }
    }
}

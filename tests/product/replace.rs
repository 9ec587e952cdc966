//! A full re-sync of a table whose columns have other types by now.

use cartridge_warp_tests::{Databases, Pipeline, rows::sqlite_rows};
use serde_json::{Value, json};

const FULL_RESYNC: [&str; 3] = ["run", "--until-caught-up", "--full-resync"];
const ROWS: &str = "SELECT id, total FROM shop.orders ORDER BY id";

/// Files to PostgreSQL.
fn pipeline(databases: &Databases) -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.set("destination", databases.destination_config());
    pipeline
}

/// A first run with columns of these types, and two rows.
fn copied(pipeline: &mut Pipeline, id: &str, total: &str) {
    declare(pipeline, id, total);
    pipeline.write("orders.ndjson", "{\"id\":1,\"total\":5}\n{\"id\":2,\"total\":null}\n");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
}

fn declare(pipeline: &mut Pipeline, id: &str, total: &str) {
    let columns: Value = json!({"columns": {"orders": {"id": id, "total": total}}});
    pipeline.set("source.options", columns);
}

#[test]
fn a_table_of_ours_is_made_anew_where_it_cannot_take_the_new_types() {
    for (name, before, after, types) in [
        ("another key", ("bigint", "bigint"), ("string", "bigint"), ["text", "bigint"]),
        ("numbers for JSON", ("bigint", "json"), ("bigint", "bigint"), ["bigint", "bigint"]),
    ] {
        let databases = Databases::start();
        let mut pipeline = pipeline(&databases);
        copied(&mut pipeline, before.0, before.1);
        declare(&mut pipeline, after.0, after.1);
        let ended = pipeline.run(&FULL_RESYNC);
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("the table is made anew"), "{name}: {}", ended.stderr);
        assert_eq!(databases.at_destination(ROWS), ["1|5", "2|null"], "{name}");
        let sql = "SELECT data_type FROM information_schema.columns WHERE table_schema = 'shop' \
                   AND column_name IN ('id', 'total') ORDER BY column_name";
        assert_eq!(databases.at_destination(sql), types, "{name}");
        pipeline.append("orders.ndjson", "{\"id\":3,\"total\":9}\n");
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(databases.at_destination(ROWS), ["1|5", "2|null", "3|9"], "{name}");
    }
}

#[test]
fn a_table_that_takes_the_new_types_is_only_emptied() {
    let databases = Databases::start();
    let mut pipeline = pipeline(&databases);
    copied(&mut pipeline, "bigint", "string");
    databases.at_destination("CREATE INDEX mine ON shop.orders (total)");
    declare(&mut pipeline, "bigint", "bigint");
    let ended = pipeline.run(&FULL_RESYNC);
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.at_destination(ROWS), ["1|5", "2|null"]);
    let index = "SELECT indexname FROM pg_indexes WHERE indexname = 'mine'";
    assert_eq!(databases.at_destination(index), ["mine"]);
}

#[test]
fn what_others_made_or_need_is_kept_and_the_way_out_is_named() {
    let own = "CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint PRIMARY KEY, total bigint)";
    let view = "CREATE VIEW shop.totals AS SELECT total FROM shop.orders";
    for (name, before, after, reason) in [
        ("an adopted table", own, "SELECT 1", "there before the connector"),
        ("a view of it", "SELECT 1", view, "other objects depend on it"),
    ] {
        let databases = Databases::start();
        let mut pipeline = pipeline(&databases);
        databases.at_destination(before);
        copied(&mut pipeline, "bigint", "bigint");
        databases.at_destination(after);
        declare(&mut pipeline, "bigint", "string");
        for arguments in [FULL_RESYNC.as_slice(), &FULL_RESYNC[..2]] {
            let ended = pipeline.run(arguments);
            assert_eq!(ended.status.code(), Some(1), "{name}: {}", ended.stderr);
            for words in ["`orders`", reason, "drop the table at the destination", "column total"] {
                assert!(ended.stderr.contains(words), "{name}: no {words:?} in {}", ended.stderr);
            }
            assert_eq!(
                databases.at_destination(ROWS),
                ["1|5", "2|null"],
                "{name}: nothing is lost"
            );
        }
        databases.at_destination("DROP TABLE shop.orders CASCADE");
        let ended = pipeline.catch_up();
        assert!(ended.status.success(), "{name}: {}", ended.stderr);
        assert_eq!(databases.at_destination(ROWS), ["1|5", "2|null"], "{name}");
    }
}

#[test]
fn sqlite_makes_them_anew_too() {
    let mut pipeline = Pipeline::new();
    copied(&mut pipeline, "bigint", "bigint");
    declare(&mut pipeline, "string", "string");
    let ended = pipeline.run(&FULL_RESYNC);
    assert!(ended.status.success(), "{}", ended.stderr);
    let rows = sqlite_rows(&pipeline.database(), "orders", "id");
    assert_eq!((&rows[0]["id"], &rows[0]["total"]), (&json!("1"), &json!("5")));
}

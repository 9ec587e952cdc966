//! Tables that are kept under other names than those of the source.

use std::fs;

use cartridge_warp_tests::{
    Databases, Ended, Pipeline, lake_rows,
    rows::{sqlite_query, sqlite_rows},
};
use serde_json::{Value, json};

const TABLES: &str = "SELECT schemaname || '.' || tablename FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'cartridge_warp_metadata')
    ORDER BY 1";

fn assert_success(ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
}

#[test]
fn a_tables_whole_life_passes_under_other_names() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, total bigint);
         CREATE TABLE items (id int PRIMARY KEY, name text);
         INSERT INTO orders SELECT n, n * 10 FROM generate_series(1, 3) n;
         INSERT INTO items VALUES (1, 'a'), (2, 'b')",
    );
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.destination_schema", json!("lake"));
    pipeline.set("schemas.0.table_prefix", json!("raw_"));
    pipeline.set("schemas.0.table_suffix", json!("_v1"));
    let positions = json!({"name": "items", "destination_table": "positions",
        "deletion_strategy": "soft", "soft_delete_column": "gone"});
    pipeline.set("schemas.0.tables", json!([positions]));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source(
        "UPDATE orders SET total = 11 WHERE id = 1; DELETE FROM items WHERE id = 1;
         ALTER TABLE orders ADD COLUMN note text; INSERT INTO orders VALUES (4, 40, 'new');
         CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (7)",
    );
    let late = "SELECT id::text FROM lake.raw_late_v1";
    cartridge_warp_tests::wait_until("a table of the stream is there", || {
        databases.try_at_destination(late).is_some_and(|rows| rows == ["7"])
    });
    running.signal(15);
    let ended = running.wait(std::time::Duration::from_secs(120));
    assert_success(&ended);
    let orders = "SELECT concat_ws('|', id, total, note) FROM lake.raw_orders_v1 ORDER BY id";
    assert_eq!(databases.at_destination(orders), ["1|11", "2|20", "3|30", "4|40|new"]);
    let items = "SELECT concat_ws('|', id, name, gone) FROM lake.positions ORDER BY id";
    assert_eq!(databases.at_destination(items), ["1|a|t", "2|b|f"]);
    let all = ["lake.positions", "lake.raw_late_v1", "lake.raw_orders_v1"];
    assert_eq!(databases.at_destination(TABLES), all);
    let streams = "SELECT schema_name || ' ' || stream
        FROM cartridge_warp_metadata.sync_markers WHERE stream LIKE 'table/%' ORDER BY 1";
    let expected = ["public table/items", "public table/late", "public table/orders"];
    assert_eq!(databases.at_destination(streams), expected);

    databases.at_source("TRUNCATE orders; INSERT INTO orders VALUES (9, 90)");
    assert_success(&pipeline.catch_up());
    assert_eq!(databases.at_destination(orders), ["9|90"]);
    databases.at_destination("INSERT INTO lake.raw_orders_v1 (id) VALUES (-1)");
    assert_success(&pipeline.run(&["run", "--until-caught-up", "--full-resync=orders"]));
    assert_eq!(databases.at_destination(orders), ["9|90"]);
    databases.at_source("DROP TABLE late");
    assert_success(&pipeline.catch_up());
    databases.at_source("CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (8)");
    assert_success(&pipeline.catch_up());
    assert_eq!(databases.at_destination(late), ["8"]);
}

#[test]
fn an_edited_name_is_a_new_copy_and_the_old_table_stays() {
    let databases = Databases::start();
    databases
        .at_source("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2)");
    let mut pipeline = databases.pipeline();
    assert_success(&pipeline.catch_up());
    let rows = |table: &str| {
        databases.at_destination(&format!("SELECT id::text FROM {table} ORDER BY id"))
    };
    for (change, key, value, table, expected) in [
        (
            "DELETE FROM orders WHERE id = 1",
            "tables",
            json!([{"name": "orders", "destination_table": "sales"}]),
            "public.sales",
            vec!["2"],
        ),
        (
            "INSERT INTO orders VALUES (3)",
            "destination_schema",
            json!("lake"),
            "lake.sales",
            vec!["2", "3"],
        ),
        ("INSERT INTO orders VALUES (4)", "tables", json!([]), "lake.orders", vec!["2", "3", "4"]),
        (
            "INSERT INTO orders VALUES (5)",
            "table_suffix",
            json!("_x"),
            "lake.orders_x",
            vec!["2", "3", "4", "5"],
        ),
    ] {
        databases.at_source(change);
        pipeline.set(&format!("schemas.0.{key}"), value);
        let ended = pipeline.catch_up();
        assert_success(&ended);
        assert!(ended.stderr.contains("that one stays as it is"), "{table}: {}", ended.stderr);
        assert_eq!(rows(table), expected, "{table}");
        let again = pipeline.catch_up();
        assert!(!again.stderr.contains("copied by other rules"), "{table}: {}", again.stderr);
    }
    assert_eq!(rows("public.orders"), ["1", "2"], "as it was");
    assert_eq!(rows("lake.sales"), ["2", "3"], "as it was");
    // What stayed is nobody's: it is not emptied for a copy.
    pipeline.set("schemas.0.table_suffix", json!(""));
    assert_refused(
        &pipeline,
        &["`public.orders` is to be kept as `lake.orders`", "drop or rename"],
    );
    assert_eq!(rows("lake.orders"), ["2", "3", "4"]);
    databases.at_destination("DROP TABLE lake.orders");
    assert_success(&pipeline.catch_up());
    assert_eq!(rows("lake.orders"), ["2", "3", "4", "5"]);
    // The same name in other words is no news.
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "destination_table": "orders"}]));
    let ended = pipeline.catch_up();
    assert_success(&ended);
    assert!(!ended.stderr.contains("copied by other rules"), "{}", ended.stderr);
    pipeline.set("schema_evolution.on_rules_change", json!("refuse"));
    pipeline.set("schemas.0.destination_schema", json!("other"));
    assert_refused(&pipeline, &["on_rules_change", "as `lake.orders`", "as `other.orders`"]);
}

/// A run, a dry one and a check that refuse with these words.
fn assert_refused(pipeline: &Pipeline, all_words: &[&str]) {
    let failed = pipeline.catch_up();
    assert!([Some(1), Some(2)].contains(&failed.status.code()), "{}", failed.stderr);
    let checked = pipeline.run(&["check"]);
    assert_eq!(checked.status.code(), Some(2), "{}{}", checked.stdout, checked.stderr);
    for text in [failed.stderr, checked.stdout + &checked.stderr] {
        let text = text.replace(['\n', '│', '·'], " ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in all_words {
            assert!(text.contains(words), "no {words:?} in: {text}");
        }
    }
}

/// Files of two schemas.
fn files(tables: &[&str]) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for table in tables {
        fs::create_dir_all(pipeline.path("data").join(table).parent().unwrap()).unwrap();
        pipeline
            .write(&format!("../{table}.ndjson"), &format!("{{\"id\":1,\"of\":\"{table}\"}}\n"));
    }
    pipeline.set("mode", json!("multi"));
    pipeline.set("schemas", json!([{"name": "shop"}, {"name": "eu"}]));
    pipeline
}

/// A name, the destination, the schemas, and what is said of them.
type Shared = (&'static str, &'static str, Value, &'static [&'static str]);

fn shared_places() -> Vec<Shared> {
    let long = "x".repeat(64);
    let lower = json!([{"name": "orders", "destination_table": "Items"}]);
    let apart = json!([{"name": "shop", "destination_schema": "lake", "tables": lower}]);
    let to = |schema: &str, more: Value| {
        let mut to = json!({"name": schema, "destination_schema": "lake"});
        to.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        to
    };
    let none = json!({});
    vec![
        ("upper and lower case", "sqlite", apart, &["`shop.items` and `shop.orders`", "one table"]),
        (
            "a table that is not in the list",
            "postgresql",
            json!([to(
                "shop",
                json!({"tables": [{"name": "orders", "destination_table": "items"}]})
            )]),
            &["`shop.items` and `shop.orders`", "lake.items"],
        ),
        (
            "a name that is too long",
            "postgresql",
            json!([to("shop", json!({"table_prefix": long}))]),
            &["invalid-name", "PostgreSQL keeps 63"],
        ),
        (
            "two schemas in one",
            "postgresql",
            json!([to("shop", none.clone()), to("eu", none.clone())]),
            &["orders", "`eu.orders`", "`shop.orders`", "destination_schema"],
        ),
        (
            "a metadata table",
            "sqlite",
            json!([to(
                "shop",
                json!({"tables": [{"name": "orders", "destination_table": "cartridge_warp_metadata_epochs"}]})
            )]),
            &["metadata table"],
        ),
    ]
}

#[test]
fn two_tables_in_one_place_are_refused_before_anything_is_written() {
    for (name, destination, schemas, words) in shared_places() {
        let mut pipeline = files(&["shop/orders", "shop/items", "eu/orders"]);
        let databases = (destination == "postgresql").then(Databases::start);
        if let Some(databases) = &databases {
            pipeline.set("destination", databases.destination_config());
        }
        pipeline.set("schemas", schemas.clone());
        let checked = pipeline.run(&["check"]);
        let text =
            checked.stderr.split_whitespace().collect::<Vec<_>>().join(" ").replace("│ ", "");
        assert_eq!(checked.status.code(), Some(2), "{name}: {text}");
        for words in words {
            assert!(text.contains(words), "{name}: no {words:?} in {text}");
        }
        let ended = pipeline.catch_up();
        assert!(!ended.status.success(), "{name}: {}", ended.stderr);
        let dry = pipeline.run(&["run", "--dry-run", "--until-caught-up"]);
        assert!(!dry.status.success(), "{name}: {}", dry.stderr);
        let is_one_schema = schemas.as_array().unwrap().len() == 1;
        match &databases {
            Some(databases) if is_one_schema => {
                assert!(databases.at_destination(TABLES).is_empty(), "{name}");
            }
            Some(databases) => {
                let rows = "SELECT count(*)::text FROM lake.orders WHERE \"of\" LIKE 'eu%'
                    HAVING count(DISTINCT \"of\") = 1 AND count(*) = (SELECT count(*) FROM lake.orders)
                    OR count(*) = 0";
                assert_eq!(databases.at_destination(rows).len(), 1, "{name}: never mixed");
            }
            None => assert!(fs::metadata(pipeline.database()).map_or(true, |file| file.len() == 0)),
        }
    }
}

#[test]
fn two_schemas_share_one_and_keep_their_state_apart() {
    let databases = Databases::start();
    let mut pipeline = files(&["shop/orders", "eu/orders"]);
    pipeline.set("destination", databases.destination_config());
    let to = |name: &str, prefix: &str| json!({"name": name, "destination_schema": "all", "table_prefix": prefix, "default_polling_interval": 0.2});
    pipeline.set("schemas", json!([to("shop", "shop_"), to("eu", "eu_")]));
    assert_success(&pipeline.catch_up());
    pipeline.append("../shop/orders.ndjson", "{\"id\":2,\"of\":\"later\"}\n");
    pipeline.append("../eu/orders.ndjson", "{\"id\":1,\"of\":\"changed\"}\n");
    assert_success(&pipeline.catch_up());
    assert_eq!(databases.at_destination(TABLES), ["all.eu_orders", "all.shop_orders"]);
    let rows = |table: &str| {
        let sql = format!("SELECT concat_ws('|', id, \"of\") FROM \"all\".{table} ORDER BY id");
        databases.at_destination(&sql)
    };
    assert_eq!(rows("eu_orders"), ["1|changed"]);
    assert_eq!(rows("shop_orders"), ["1|shop/orders", "2|later"]);
    // What is emptied for one is not emptied for the other.
    let ended = pipeline.run(&["run", "--until-caught-up", "--full-resync=eu.orders"]);
    assert_success(&ended);
    assert_eq!((rows("eu_orders").len(), rows("shop_orders").len()), (1, 2));
    let owners = databases.at_destination(
        "SELECT schema_name FROM cartridge_warp_metadata.epochs WHERE schema_name <> 'cartridge_warp_metadata' ORDER BY 1",
    );
    assert_eq!(owners, ["eu", "shop"]);
    // Exchanged names would mix them.
    pipeline.set("schemas", json!([to("shop", "eu_"), to("eu", "shop_")]));
    let ended = pipeline.catch_up();
    assert!(!ended.status.success());
    assert_eq!((rows("eu_orders").len(), rows("shop_orders").len()), (1, 2));
}

#[test]
fn sqlite_keeps_tables_by_the_names_of_the_configuration() {
    let mut pipeline = files(&["shop/orders"]);
    pipeline.set("schemas", json!([{"name": "shop", "table_prefix": "raw_"}]));
    assert_success(&pipeline.catch_up());
    assert_eq!(sqlite_rows(&pipeline.database(), "raw_orders", "id").len(), 1);
    pipeline.set("schemas.0.table_prefix", json!(""));
    pipeline.set("schemas.0.destination_schema", json!("lake"));
    pipeline.set("destination.options", json!({"schema_prefix": true}));
    let ended = pipeline.catch_up();
    assert_success(&ended);
    assert_eq!(sqlite_rows(&pipeline.database(), "lake_orders", "id").len(), 1);
    let owners = sqlite_query(
        &pipeline.database(),
        "SELECT physical_name AS name FROM cartridge_warp_metadata_tables WHERE schema_name = 'shop'",
    );
    assert_eq!(owners.len(), 1, "one place each: {owners:?}");
}

#[test]
fn dead_letters_go_by_the_sources_names() {
    let mut pipeline = files(&["shop/orders"]);
    pipeline.append("../shop/orders.ndjson", "no JSON\n");
    pipeline.set("schemas", json!([{"name": "shop", "table_prefix": "raw_"}]));
    pipeline.catch_up();
    let letters = sqlite_query(
        &pipeline.database(),
        "SELECT schema_name AS schema, table_name AS name FROM cartridge_warp_metadata_dead_letter_queue",
    );
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["schema"], &letters[0]["name"]), (&json!("shop"), &json!("orders")));
}

#[test]
fn files_lie_in_directories_of_the_configurations_names() {
    let mut pipeline = files(&["shop/orders", "eu/orders"]);
    fs::create_dir(pipeline.path("lake")).unwrap();
    pipeline.set("destination", json!({"type": "files", "connection_string": "./lake"}));
    let append = |name: &str, table: &str| {
        let table = json!({"name": "orders", "write_mode": "append", "destination_table": table});
        json!({"name": name, "destination_schema": "all", "tables": [table]})
    };
    pipeline.set("schemas", json!([append("shop", "a"), append("eu", "b")]));
    assert_success(&pipeline.catch_up());
    pipeline.append("../shop/orders.ndjson", "{\"id\":2,\"of\":\"later\"}\n");
    assert_success(&pipeline.catch_up());
    let all = pipeline.path("lake/all");
    let lines = |table: &str| lake_rows(&all.join(table)).len();
    assert_eq!((lines("a"), lines("b")), (2, 1));
    pipeline.set("schemas", json!([append("shop", "a"), append("eu", "a")]));
    let checked = pipeline.run(&["check"]);
    assert_eq!(checked.status.code(), Some(2), "{}", checked.stderr);
    // Another pipeline's state does not say whose the directory is.
    pipeline.set("single_schema_name", json!("eu"));
    pipeline.set("schemas", json!([append("eu", "a")]));
    assert_refused(&pipeline, &["`shop.orders`", "`eu.orders`", "`all.a`"]);
    assert_eq!((lines("a"), lines("b")), (2, 1));
}

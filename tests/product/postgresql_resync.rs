//! Single tables are copied anew while the others go on, by the operator's word or because a change
//! of shape gave rows values that the log does not tell.

use std::{thread::sleep, time::Duration};

use cartridge_warp_tests::{Databases, Ended, Pipeline, Running};
use serde_json::json;

const SLOT: &str = "cartridge_warp_shop_public";

/// Two tables that were copied and are followed; the pipeline is not running.
fn copied(rows: u32) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(&format!(
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         CREATE TABLE items (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, {rows}) n;
         INSERT INTO items SELECT * FROM orders"
    ));
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("schemas.0.default_max_parallel_streams", json!(2));
    assert_equal(&databases, &pipeline.catch_up());
    (databases, pipeline)
}

fn assert_equal(databases: &Databases, ended: &Ended) {
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
}

/// Runs until there is no more, with these tables copied anew.
fn resync(pipeline: &Pipeline, tables: &str) -> Ended {
    pipeline.run(&["run", "--until-caught-up", &format!("--full-resync={tables}")])
}

/// Makes every row of `orders` at the destination wrong, and one of `items`.
fn spoil(databases: &Databases) {
    databases.at_destination(
        "UPDATE orders SET note = 'spoilt'; INSERT INTO orders VALUES (-1, 'nobody''s');
         UPDATE items SET note = 'kept' WHERE id = 1",
    );
}

#[test]
fn one_table_is_copied_anew_and_the_others_go_on() {
    let (databases, mut pipeline) = copied(1000);
    let item = "SELECT note FROM items WHERE id = 1";
    for way in ["flag", "qualified", "key"] {
        spoil(&databases);
        // Changes that nobody has read yet, of both tables.
        databases.at_source(
            "UPDATE orders SET id = id + 10000 WHERE id % 100 = 0; DELETE FROM orders WHERE id = 7;
             INSERT INTO items SELECT max(id) + 1, 'new' FROM items",
        );
        let ended = match way {
            "flag" => resync(&pipeline, "orders"),
            "qualified" => resync(&pipeline, "public.orders"),
            _ => {
                pipeline.set("full_resync", json!(["orders"]));
                pipeline.catch_up()
            }
        };
        assert!(ended.status.success(), "{way}: {}", ended.stderr);
        assert_eq!(databases.at_destination(item), ["kept"], "{way}: items were not copied again");
        databases.at_destination("UPDATE items SET note = 'note 1' WHERE id = 1");
        assert_eq!(databases.difference(), None, "{way}");
    }
}

#[test]
fn tables_that_do_not_exist_are_refused_before_anything_is_written() {
    let (databases, mut pipeline) = copied(10);
    spoil(&databases);
    for (tables, words) in [("order", "`order`"), ("orders,public.itemz", "`itemz`")] {
        let ended = resync(&pipeline, tables);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        for words in [words, "`full_resync`", "items, orders"] {
            assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        }
    }
    pipeline.set("mode", json!("multi"));
    let ended = resync(&pipeline, "orders");
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("SCHEMA.orders"), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT note FROM orders WHERE id = 10"), ["spoilt"]);
    let ended = resync(&pipeline, "public.orders");
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT note FROM orders WHERE id = 10"), ["note 10"]);
}

#[test]
fn a_new_copy_survives_being_killed() {
    let (databases, mut pipeline) = copied(60_000);
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "full_load_batch_size": 500}]));
    spoil(&databases);
    databases.at_destination("UPDATE items SET note = 'note 1' WHERE id = 1");
    let begun = "SELECT 1 FROM pg_tables WHERE tablename = '_cartridge_keys_orders'";
    let mut running = Running::start(pipeline.command(&["run", "--full-resync=orders"]));
    while databases.at_destination(begun).is_empty() {
        sleep(Duration::from_millis(2));
    }
    let mut in_copy = 0;
    for kill in 0..12_u64 {
        sleep(Duration::from_millis(20 * kill));
        let number = kill + 1;
        databases.at_source(&format!(
            "UPDATE orders SET id = -id WHERE id % 997 = {number}; DELETE FROM orders WHERE id = \
             {number}; UPDATE orders SET note = 'u{number}' WHERE id % 13 = {number}; INSERT INTO \
             items VALUES (-{number}, 'new')"
        ));
        let ended = running.kill();
        in_copy += usize::from(!ended.stderr.contains("following changes"));
        // The copy goes on without being asked for again.
        running = pipeline.start();
        running.wait_for("serving metrics");
    }
    running.kill();
    assert!(in_copy > 0, "no kill met the copy");
    assert_equal(&databases, &pipeline.catch_up());
}

/// Runs; the failure must say what is lost and offer a command, which is then used.
fn follows_the_advice(databases: &Databases, pipeline: &Pipeline, code: &str, flag: &str) {
    let failed = pipeline.catch_up();
    assert_eq!(failed.status.code(), Some(1), "{code}: {}", failed.stderr);
    for words in [code, flag] {
        assert!(failed.stderr.contains(words), "{words} is not in: {}", failed.stderr);
    }
    let ended = pipeline.run(&["run", "--until-caught-up", flag]);
    assert!(ended.status.success(), "{code}: {}", ended.stderr);
    assert_eq!(databases.difference(), None, "{code}");
}

#[test]
fn each_loss_names_the_command_that_mends_it() {
    let (databases, mut pipeline) = copied(500);
    pipeline.set("schema_evolution.strategy", json!("permissive"));
    pipeline.set("schema_evolution.require_approval_for_risky_changes", json!(false));
    pipeline.set("schemas.0.on_table_failure", json!("stop"));
    let orders = "--full-resync=public.orders";
    databases.at_source(
        "DROP TABLE orders; CREATE TABLE orders (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT n, 'another' FROM generate_series(1, 50) n;
         INSERT INTO items VALUES (-1, 'meanwhile')",
    );
    // Another table of the same name is copied without being asked for.
    let ended = pipeline.catch_up();
    assert!(ended.stderr.contains("it is another table of the same name"), "{}", ended.stderr);
    assert_equal(&databases, &ended);
    databases.at_source(
        "ALTER PUBLICATION cartridge_warp_public DROP TABLE orders;
         INSERT INTO orders VALUES (51, 'unheard'); INSERT INTO items VALUES (-2, 'meanwhile')",
    );
    follows_the_advice(&databases, &pipeline, "not-published", orders);
    // The log has rows with names that nobody knows any more: that table is copied without being asked for.
    databases.at_source(
        "ALTER TABLE orders ADD gone int; UPDATE orders SET note = 'old name' WHERE id < 10;
         ALTER TABLE orders RENAME note TO text; ALTER TABLE orders DROP gone; ALTER TABLE orders ADD c text;
         UPDATE orders SET text = 'new name' WHERE id < 5; INSERT INTO items VALUES (-3, 'x')",
    );
    let ended = pipeline.catch_up();
    assert!(ended.stderr.contains("only a new copy of the table helps"), "{}", ended.stderr);
    assert_equal(&databases, &ended);
    // Without the slot every table has lost something, so naming one is not enough.
    databases.at_source(&format!(
        "SELECT pg_drop_replication_slot('{SLOT}'); INSERT INTO items VALUES (-4, 'unheard')"
    ));
    let partly = resync(&pipeline, "orders");
    assert_eq!(partly.status.code(), Some(1), "{}", partly.stderr);
    for words in ["log-lost", "\"public\".\"items\"", "\"public\".\"orders\""] {
        assert!(partly.stderr.contains(words), "{words} is not in: {}", partly.stderr);
    }
    assert_eq!(databases.at_destination("SELECT count(*) FROM orders"), ["51"], "not emptied");
    follows_the_advice(&databases, &pipeline, "log-lost", "--full-resync");
}

#[test]
fn rows_that_a_new_column_filled_are_copied_again() {
    let (databases, mut pipeline) = copied(2000);
    pipeline.set("schemas.0.default_polling_interval", json!(0.05));
    // While nobody reads, by a constant and by a function that gives each row another value.
    databases.at_source(
        "ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'open';
         ALTER TABLE items ADD COLUMN code uuid DEFAULT gen_random_uuid();
         DELETE FROM orders WHERE id = 3; UPDATE items SET note = 'changed' WHERE id = 4",
    );
    assert_equal(&databases, &pipeline.catch_up());
    // While somebody reads.
    let mut running = pipeline.start();
    running.wait_for("following changes");
    databases.at_source(
        "ALTER TABLE orders ADD COLUMN at timestamptz DEFAULT now(), ADD COLUMN plain text;
         UPDATE orders SET note = 'touched' WHERE id = 5;
         ALTER TABLE items ALTER id TYPE bigint USING id * 2;
         INSERT INTO items (id) VALUES (-1)",
    );
    running.wait_for("copying the table again");
    sleep(Duration::from_millis(300));
    running.signal(15);
    let ended = running.wait(Duration::from_secs(30));
    assert!(ended.status.success(), "{}", ended.stderr);
    // It may have been stopped before the copy was made.
    assert_equal(&databases, &pipeline.catch_up());
    // A column without a value for old rows costs no copy.
    databases.at_source("ALTER TABLE orders ADD COLUMN late text; UPDATE orders SET late = 'l'");
    let ended = pipeline.catch_up();
    assert!(!ended.stderr.contains("copying the table again"), "{}", ended.stderr);
    let unlike = "SELECT * FROM orders";
    assert_eq!(databases.at_source(unlike).len(), databases.at_destination(unlike).len());
    assert_equal(&databases, &ended);
}

#[test]
fn a_table_that_was_left_out_for_a_while_is_copied_anew() {
    let (databases, mut pipeline) = copied(500);
    pipeline.set("schemas.0.table_blacklist", json!(["orders"]));
    databases.at_source(
        "DELETE FROM orders WHERE id = 7; UPDATE orders SET note = 'unheard' WHERE id = 8;
         INSERT INTO items VALUES (-1, 'new')",
    );
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.at_destination("SELECT note FROM orders WHERE id = 8"), ["note 8"]);
    pipeline.set("schemas.0.table_blacklist", json!([]));
    databases.at_destination("UPDATE items SET note = 'kept' WHERE id = 1");
    databases.at_source("UPDATE orders SET note = 'heard' WHERE id = 9");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let item = "SELECT note FROM items WHERE id = 1";
    assert_eq!(databases.at_destination(item), ["kept"], "items were not copied again");
    databases.at_destination("UPDATE items SET note = 'note 1' WHERE id = 1");
    assert_equal(&databases, &ended);
}

//! The edges of what a source may hold and do: names, widths, columns that were filled without a word.

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::json;

const LONG: &str = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123";

fn pipeline(databases: &Databases) -> Pipeline {
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline.set("source.options", json!({"table_check_seconds": 1}));
    pipeline.set("schema_evolution.strategy", json!("permissive"));
    pipeline.set("schema_evolution.require_approval_for_risky_changes", json!(false));
    pipeline
}

#[test]
fn names_widths_and_truncations_of_all_kinds_arrive() {
    let databases = Databases::start();
    databases.at_source(&format!(
        r#"CREATE TABLE "We""ird. Näme" ("I""d.x y" int PRIMARY KEY, "ABC" text, "{LONG}" text);
        INSERT INTO "We""ird. Näme" VALUES (1, 'a', 'b');
        CREATE TABLE "{LONG}" (id int PRIMARY KEY, "select" int);
        INSERT INTO "{LONG}" VALUES (1, 1);
        CREATE TABLE a (id serial PRIMARY KEY, v text);
        CREATE TABLE b (id serial PRIMARY KEY, a int REFERENCES a);
        INSERT INTO a (v) VALUES ('x'), ('y'); INSERT INTO b (a) VALUES (1), (2);
        DO $$ BEGIN EXECUTE 'CREATE TABLE wide (id int PRIMARY KEY, ' || (
            SELECT string_agg('c' || n || ' int2', ', ') FROM generate_series(1, 1599) n) || ')';
        END $$;
        INSERT INTO wide SELECT n FROM generate_series(1, 50) n;
        UPDATE wide SET c1599 = 3, c1 = 1 WHERE id > 4"#
    ));
    let pipeline = pipeline(&databases);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
    databases.at_source(&format!(
        r#"INSERT INTO "We""ird. Näme" VALUES (2, 'a', 'b');
        UPDATE "We""ird. Näme" SET "ABC" = 'c', "I""d.x y" = 3 WHERE "I""d.x y" = 1;
        INSERT INTO "{LONG}" VALUES (2, 1); DELETE FROM "{LONG}" WHERE id = 1;
        TRUNCATE a RESTART IDENTITY CASCADE;
        INSERT INTO a (v) VALUES ('new'); INSERT INTO b (a) VALUES (1);
        INSERT INTO wide SELECT n FROM generate_series(51, 99) n;
        UPDATE wide SET c1599 = 7, c800 = id WHERE id > 7; DELETE FROM wide WHERE id = 9"#
    ));
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
}

#[test]
fn what_filled_an_added_column_may_be_gone_before_anybody_looks() {
    let cases = [
        "ADD twice int GENERATED ALWAYS AS (n * 2) STORED; ALTER TABLE orders ALTER twice DROP EXPRESSION",
        "ADD twice float DEFAULT random(); ALTER TABLE orders ALTER twice DROP DEFAULT",
        "ADD twice int DEFAULT 5; ALTER TABLE orders ALTER n TYPE bigint, ALTER twice DROP DEFAULT",
    ];
    for change in cases {
        let databases = Databases::start();
        databases.at_source(
            "CREATE TABLE orders (id int PRIMARY KEY, n int); INSERT INTO orders VALUES (1, 1), (2, 2)",
        );
        let version: u32 = databases.at_source("SHOW server_version_num")[0].parse().unwrap();
        if version >= 180_000 {
            databases.at_source(
                "CREATE PUBLICATION cartridge_warp_public FOR TABLE orders \
                 WITH (publish_generated_columns = stored)",
            );
        }
        let pipeline = pipeline(&databases);
        let mut running = pipeline.start();
        running.wait_for("following changes");
        databases.at_source(&format!(
            "BEGIN; ALTER TABLE orders {change}; INSERT INTO orders VALUES (3, 3, 33); COMMIT"
        ));
        wait_until(change, || databases.difference().is_none());
        running.kill();
    }
}

#[test]
fn generated_columns_of_a_publication_do_not_travel() {
    let databases = Databases::start();
    let version: u32 = databases.at_source("SHOW server_version_num")[0].parse().unwrap();
    // Before, no publication sends them.
    if version < 180_000 {
        return;
    }
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, n int); INSERT INTO orders VALUES (1, 1), (2, 2);
         CREATE PUBLICATION cartridge_warp_public FOR TABLE orders
             WITH (publish_generated_columns = stored)",
    );
    let pipeline = pipeline(&databases);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let added = |name: &str, id: u32| {
        databases.at_source(&format!(
            "ALTER TABLE orders ADD {name} int GENERATED ALWAYS AS (n * 2) STORED;
             INSERT INTO orders (id, n) VALUES ({id}, 3); UPDATE orders SET n = {id} WHERE id = 1"
        ));
    };
    added("stopped", 3);
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.difference(), None);
    let mut running = pipeline.start();
    running.wait_for("following changes");
    added("meanwhile", 4);
    wait_until("the rows", || databases.difference().is_none());
    // One that stops being computed begins to travel, with the values that it had.
    databases.at_source("ALTER TABLE orders ALTER stopped DROP EXPRESSION");
    let there = || databases.try_at_destination("SELECT stopped FROM orders").is_some();
    wait_until("the column", || there() && databases.difference().is_none());
    running.kill();
}

/// A database of Windows' western encoding, which has room for bytes that are no character.
fn western(databases: &Databases, sql: &str) -> Pipeline {
    databases.at_source(
        "CREATE DATABASE western ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );
    databases.source.sql("western", sql);
    let mut pipeline = pipeline(databases);
    pipeline.set("source.connection_string", json!(databases.source.url("western")));
    pipeline
}

/// Text with a byte that is no character.
const NO_TEXT: &str = "convert_from('\\x6181'::bytea, 'SQL_ASCII')";

#[test]
fn a_text_of_the_copy_that_the_server_cannot_convert_is_a_dead_letter() {
    let databases = Databases::start();
    let pipeline = western(
        &databases,
        &format!(
            "CREATE TABLE bad (id int PRIMARY KEY, note text);
             INSERT INTO bad SELECT n, U&'caf\\00E9' FROM generate_series(1, 1000) n;
             UPDATE bad SET note = {NO_TEXT} WHERE id IN (1, 500)"
        ),
    );
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    let rows = databases.at_destination("SELECT count(*), min(note), max(note) FROM bad");
    assert_eq!(rows, ["998|café|café"]);
    let letters = databases.at_destination(
        "SELECT table_name, error_message LIKE '%column note%', sum(count)
         FROM cartridge_warp_metadata.dead_letter_queue GROUP BY 1, 2",
    );
    assert_eq!(letters, ["bad|t|2"]);
}

#[test]
fn a_text_of_the_log_that_the_server_cannot_convert_is_a_dead_letter() {
    for read_by in ["sql", "streaming"] {
        let databases = Databases::start();
        let mut pipeline =
            western(&databases, "CREATE TABLE bad (id int PRIMARY KEY, note text, more text)");
        pipeline.set("source.options", json!({"read_by": read_by}));
        assert!(pipeline.catch_up().status.success());
        databases.source.sql(
            "western",
            &format!(
                "INSERT INTO bad VALUES (1, U&'caf\\00E9', 'x'), (2, {NO_TEXT}, U&'\\20AC'), (3, 'z', 'z');
                 INSERT INTO bad SELECT n, 'n', CASE n % 100 WHEN 0 THEN {NO_TEXT}
                     ELSE U&'\\00FC' END FROM generate_series(4, 1000) n;
                 UPDATE bad SET note = {NO_TEXT} WHERE id = 3; DELETE FROM bad WHERE id = 5"
            ),
        );
        for _ in 0..2 {
            let ended = pipeline.catch_up();
            assert!([Some(0), Some(4)].contains(&ended.status.code()), "{}", ended.stderr);
        }
        let rows = databases.at_destination(
            "SELECT count(*), count(*) FILTER (WHERE more = U&'\\00FC'), min(note) FROM bad",
        );
        assert_eq!(rows, ["988|986|café"], "{read_by}");
        let letters = databases.at_destination(
            "SELECT table_name, error_message, sum(count) FROM cartridge_warp_metadata.dead_letter_queue
             GROUP BY 1, 2 ORDER BY 2",
        );
        assert_eq!(letters.len(), 2, "{read_by}: {letters:?}");
        for (letter, words) in
            letters.iter().zip([["bad|column more", "|10"], ["bad|column note", "|2"]])
        {
            assert!(words.iter().all(|words| letter.contains(words)), "{read_by}: {letter}");
        }
    }
}

#[test]
fn a_column_that_is_dropped_while_tables_are_looked_at_is_no_defect() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE orders (id int PRIMARY KEY, gone int, b int); INSERT INTO orders VALUES (1, 2, 3)",
    );
    // The look has its snapshot by then, and rights are those of now: of this column there are none.
    let mut session = databases.session_at_source();
    session.write("BEGIN; LOCK TABLE pg_catalog.pg_range IN ACCESS EXCLUSIVE MODE;");
    let locked = "SELECT 1 FROM pg_locks WHERE relation = 'pg_range'::regclass AND granted \
                  AND mode = 'AccessExclusiveLock'";
    wait_until("the lock", || !databases.at_source(locked).is_empty());
    let pipeline = pipeline(&databases);
    let running = pipeline.start();
    let waits = "SELECT 1 FROM pg_locks WHERE relation = 'pg_range'::regclass AND NOT granted";
    wait_until("the look", || !databases.at_source(waits).is_empty());
    databases.at_source("ALTER TABLE orders DROP gone");
    session.write("COMMIT;");
    session.close();
    wait_until("the rows", || databases.difference().is_none());
    let ended = running.kill();
    assert!(!ended.stderr.contains("\"protocol\""), "{}", ended.stderr);
}

//! Columns that have or had the same name, while rows of all of them wait in the log: a value goes to the column
//! that it is of, or the table is copied again.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::Duration;

use cartridge_warp_sdk::testing::{Collected, Driver};
use cartridge_warp_sdk::{Failure, Source};
use postgresql_source::PostgresqlSource;
use support::{Database, assert_failure, replica};

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, a int, x int);
    INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)";
const PARTED: &str = "CREATE TABLE t (id int PRIMARY KEY, a int, x int) PARTITION BY RANGE (id);
    CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (2);
    CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (2) TO (9);
    INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)";

fn read(driver: &mut Driver<PostgresqlSource>, after: &[u8]) -> Result<Collected, Failure> {
    driver.follow(after, Duration::from_millis(500))
}

/// A source that reads what follows: one that was open before it, or one that is opened behind it.
struct Told {
    database: Database,
    changes: Result<Collected, Failure>,
}

/// Runs statements, each of which is a transaction unless it says otherwise.
fn told(name: &str, table: &str, open: bool, sql: &[&str]) -> Told {
    let database = Database::new(name);
    database.sql(table);
    let start = database.driver().position().unwrap();
    let mut driver = open.then(|| {
        let mut driver = database.driver();
        driver.changes(&start).unwrap();
        driver
    });
    sql.iter().for_each(|sql| drop(database.sql(sql)));
    let changes = read(driver.get_or_insert_with(|| database.driver()), &start);
    Told { database, changes }
}

/// What happens to a table.
const CASES: [(&str, &str, &[&str]); 21] = [
    (
        "the_same_type",
        TABLE,
        &[
            "ALTER TABLE t ADD c int",
            "UPDATE t SET c = 5",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c int",
        ],
    ),
    (
        "another_type",
        TABLE,
        &[
            "ALTER TABLE t ADD c int DEFAULT 3",
            "UPDATE t SET c = 5",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c text",
        ],
    ),
    (
        "rows_behind_it_too",
        TABLE,
        &[
            "ALTER TABLE t ADD c int",
            "UPDATE t SET c = 5",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c int",
            "UPDATE t SET c = 6 WHERE id = 1",
        ],
    ),
    (
        "twice",
        TABLE,
        &[
            "ALTER TABLE t ADD c int",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c int",
            "UPDATE t SET c = 5",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c int",
        ],
    ),
    (
        "in_partitions",
        PARTED,
        &[
            "ALTER TABLE t ADD c int",
            "UPDATE t SET c = 5",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c int",
        ],
    ),
    (
        "in_one_transaction",
        TABLE,
        &["BEGIN; ALTER TABLE t ADD c int; UPDATE t SET c = 5; ALTER TABLE t DROP c; \
           ALTER TABLE t ADD c int; COMMIT"],
    ),
    (
        "renamed_and_dropped",
        TABLE,
        &[
            "ALTER TABLE t ADD c int",
            "UPDATE t SET c = 5",
            "ALTER TABLE t RENAME c TO d",
            "ALTER TABLE t ADD c int",
            "ALTER TABLE t DROP d",
        ],
    ),
    (
        "renamed_onto_it",
        TABLE,
        &[
            "ALTER TABLE t ADD c int",
            "ALTER TABLE t ADD e int",
            "UPDATE t SET c = 5, e = 6",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t RENAME e TO c",
            "ALTER TABLE t ADD e int",
        ],
    ),
    (
        "left_out",
        TABLE,
        &[
            "ALTER TABLE t ADD c text; ALTER TABLE t ALTER c SET STORAGE EXTERNAL",
            "UPDATE t SET c = repeat('c', 5000)",
            "UPDATE t SET a = 7",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c text",
        ],
    ),
    (
        "one_dropped_another_added",
        TABLE,
        &["ALTER TABLE t DROP x", "ALTER TABLE t ADD d int", "UPDATE t SET d = 5"],
    ),
    ("both_at_once", TABLE, &["ALTER TABLE t DROP x, ADD d int, ADD e int", "UPDATE t SET e = 5"]),
    (
        "rows_behind_it_only",
        TABLE,
        &[
            "ALTER TABLE t ADD c text",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c int",
            "UPDATE t SET c = 5",
        ],
    ),
    (
        "rows_behind_it_only_in_partitions",
        PARTED,
        &["ALTER TABLE t DROP x", "ALTER TABLE t ADD x int", "UPDATE t SET x = 5"],
    ),
    (
        "under_a_name_of_before",
        TABLE,
        &[
            "ALTER TABLE t RENAME x TO y",
            "ALTER TABLE t ADD x int",
            "UPDATE t SET x = 5, y = 6",
            "ALTER TABLE t DROP x",
        ],
    ),
    (
        "renamed_beside_one_that_was_dropped",
        TABLE,
        &["UPDATE t SET a = 5", "ALTER TABLE t RENAME a TO b", "ALTER TABLE t DROP x"],
    ),
    (
        "a_name_that_a_newer_column_has",
        TABLE,
        &[
            "UPDATE t SET x = 5",
            "ALTER TABLE t RENAME x TO y",
            "ALTER TABLE t ADD x int",
            "UPDATE t SET x = 6 WHERE id = 1",
        ],
    ),
    (
        "under_a_name_that_was_another_s",
        TABLE,
        &[
            "ALTER TABLE t RENAME x TO y",
            "ALTER TABLE t ADD x int",
            "UPDATE t SET x = 5",
            "ALTER TABLE t DROP x",
            "ALTER TABLE t RENAME y TO x",
        ],
    ),
    (
        "exchanged_and_exchanged_again",
        TABLE,
        &[
            "ALTER TABLE t RENAME x TO y; ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME y TO a",
            "UPDATE t SET a = 5, x = 6",
            "ALTER TABLE t RENAME x TO y; ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME y TO a",
        ],
    ),
    (
        "an_older_one_renamed_onto_one_that_was_dropped",
        TABLE,
        &["UPDATE t SET a = 5", "ALTER TABLE t DROP x", "ALTER TABLE t RENAME a TO x"],
    ),
    ("rows_before_a_column_went", TABLE, &["UPDATE t SET a = 5", "ALTER TABLE t DROP x"]),
    (
        "rows_of_a_column_that_came_and_went",
        TABLE,
        &["ALTER TABLE t ADD c int", "UPDATE t SET c = 5, a = 6", "ALTER TABLE t DROP c"],
    ),
];

#[test]
fn a_value_goes_to_the_column_that_it_is_of_and_nothing_is_copied() {
    for (name, table, sql) in CASES {
        for open in [true, false] {
            let Told { database, changes } = told(&format!("{name}_{open}"), table, open, sql);
            let changes = changes.unwrap_or_else(|failure| panic!("{name}, {open}: {failure:?}"));
            let columns = database.sql(
                "SELECT attname FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 \
                 AND NOT attisdropped ORDER BY attnum",
            );
            let mut replica = replica();
            replica.apply(&changes);
            let rows = database.sql(&format!("SELECT {} FROM t ORDER BY id", columns.join(", ")));
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            assert_eq!(replica.rows("t", &columns), rows, "{name}, {open}");
            assert_eq!(changes.rejected, [], "{name}, {open}");
        }
    }
}

/// Nothing tells which field is whose, and looking up would not do.
const UNCLEAR: [(&str, &[&str]); 2] = [
    (
        "required",
        &[
            "ALTER TABLE t ADD c int NOT NULL DEFAULT 1",
            "UPDATE t SET c = 5",
            "ALTER TABLE t DROP c",
            "ALTER TABLE t ADD c int NOT NULL DEFAULT 2",
        ],
    ),
    (
        "a_key_of_another_name",
        &[
            "UPDATE t SET a = 5",
            "ALTER TABLE t RENAME id TO key",
            "ALTER TABLE t DROP x",
            "ALTER TABLE t ADD id int",
        ],
    ),
];

#[test]
fn where_nothing_tells_the_table_is_copied_again() {
    for (name, sql) in UNCLEAR {
        let failure = told(name, TABLE, false, sql).changes;
        assert!(failure.is_err(), "{name}: {failure:?}");
        assert_failure(failure, "reconnect", "shape-unclear", &["\"public\".\"t\"", "new copy"]);
    }
}

#[test]
fn another_column_of_the_same_name_and_type_is_announced_before_its_rows() {
    let sql = ["ALTER TABLE t DROP x", "ALTER TABLE t ADD x int", "UPDATE t SET x = 5"];
    let changes = told("announced", TABLE, true, &sql).changes.unwrap();
    let announced: Vec<_> = changes.schema_changes.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(announced, ["drop_column", "add_column"]);
    assert_eq!(changes.column("t", "x"), ["update 5", "update 5"]);
}

#[test]
fn a_key_that_was_renamed_behind_its_rows_is_the_same_key() {
    for open in [true, false] {
        let sql = ["UPDATE t SET a = 5", "ALTER TABLE t RENAME id TO key", "DELETE FROM t"];
        let changes = told(&format!("renamed_key_{open}"), TABLE, open, &sql).changes.unwrap();
        let keys = changes.column("t", "key");
        assert_eq!(keys, ["update 1", "update 2", "delete 1", "delete 2"], "{open}");
    }
}

/// A transaction that waits for its lock on the table has its number before those that write rows first.
#[test]
fn numbers_of_transactions_do_not_say_which_came_first() {
    let database = Database::new("numbers");
    database.sql(TABLE);
    let start = database.driver().position().unwrap();
    database.sql("ALTER TABLE t ADD c int");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            database.sql(
                "BEGIN; SELECT FROM t LIMIT 0; DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks \
                 WHERE relation = 't'::regclass AND NOT granted) LOOP PERFORM pg_sleep(0.01); \
                 END LOOP; END $$; UPDATE t SET c = 5; COMMIT",
            )
        });
        let held = "SELECT 1 FROM pg_locks WHERE relation = 't'::regclass";
        while database.sql(held).is_empty() {}
        database.sql("ALTER TABLE t DROP c; ALTER TABLE t ADD c int");
    });
    let changes = read(&mut database.driver(), &start).unwrap();
    assert_eq!(changes.column("t", "c"), ["update null", "update null"]);
}

#[test]
fn behind_a_new_copy_nothing_is_unclear() {
    let database = Database::new("behind_a_copy");
    database.sql(TABLE);
    let start = database.driver().position().unwrap();
    database.sql(
        "ALTER TABLE t ADD c int NOT NULL DEFAULT 1; UPDATE t SET c = 5; ALTER TABLE t DROP c; \
         ALTER TABLE t ADD c int NOT NULL DEFAULT 2; UPDATE t SET c = 6",
    );
    let mut driver = database.driver();
    let failure = read(&mut driver, &start);
    assert_failure(failure, "reconnect", "shape-unclear", &["\"t\""]);
    let mut driver = database.driver();
    let renewed = driver.source.renew_tables("public", &start, &["t".to_owned()]).unwrap();
    database.sql("UPDATE t SET c = 7");
    let changes = read(&mut driver, &renewed).unwrap();
    assert_eq!(changes.column("t", "c"), ["update 7", "update 7"]);
}

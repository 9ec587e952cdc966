//! Values that the log leaves out and that are looked up: as much as can be held, and whatever the text.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::Duration;

use cartridge_warp_sdk::testing::Collected;
use cartridge_warp_sdk::{Limits, Operation, Source, Table, TableRows, TableWriter};
use support::{Database, NO_TEXT, follow, limits, replica};

/// Rows of a table's key columns; each key is the texts of its values.
fn keys(database: &Database, table: &str, keys: &[&[&str]]) -> TableRows {
    let tables = database.source().get_schema("public").unwrap();
    let table = tables.into_iter().find(|it| it.name == table).unwrap();
    let columns = table.key.iter().map(|name| &table.columns[table.index_of(name).unwrap()]);
    let of_key =
        columns.fold(Table::new(&table.name), |of_key, column| of_key.with(column.clone()));
    let mut writer = TableWriter::inserts(&of_key);
    for key in keys {
        let mut row = writer.row(Operation::Insert);
        for (column, text) in key.iter().enumerate() {
            row.set(column, *text).unwrap();
        }
        row.commit();
    }
    writer.finish().unwrap()
}

#[test]
fn rows_are_looked_up_by_keys_of_any_type() {
    let database = Database::new("looked_up_types");
    for (at, (kind, value, other)) in [
        ("int", "-7", "8"),
        ("numeric", "1.50", "1.5000001"),
        ("numeric(10, 2)", "1.50", "1.51"),
        ("text", r#"it's a "text" \\"#, "It's"),
        ("uuid", "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f", "1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1e"),
        ("date", "2024-05-01", "0044-03-15"),
        ("timestamptz", "2024-05-01T12:00:00.5Z", "2024-05-01T12:00:00.6Z"),
        ("timestamp", "2024-05-01T12:00:00.5", "2024-05-01T12:00:00"),
        ("boolean", "true", "false"),
        ("inet", "10.0.0.1", "10.0.0.2"),
        ("int[]", "{1,2}", "{1}"),
    ]
    .into_iter()
    .enumerate()
    {
        let literal = value.replace('\'', "''");
        database.sql(&format!(
            "CREATE TABLE t{at} (k {kind} PRIMARY KEY, v text); INSERT INTO t{at} VALUES ('{literal}', 'v')"
        ));
        let table = format!("t{at}");
        let asked = keys(&database, &table, &[&[other], &[value]]);
        let (found, absent) = database.driver().lookup(&table, &asked).unwrap();
        assert_eq!(found.column(&table, "v"), ["v"], "{kind}");
        assert_eq!((absent, found.rejected.len()), (vec![0], 0), "{kind}");
    }
}

#[test]
fn what_is_looked_up_comes_in_parts_and_what_cannot_travel_is_a_dead_letter() {
    let database = Database::new("looked_up_parts");
    database.sql(
        "CREATE TABLE t (a int, b inet, n numeric(8, 2), large text, PRIMARY KEY (a, b)); \
         CREATE TABLE child () INHERITS (t); \
         INSERT INTO child VALUES (0, '10.0.0.1', 1, 'another row of this key'); \
         INSERT INTO t SELECT i, '10.0.0.1', i, repeat('x', 1000) FROM generate_series(1, 120) AS i; \
         INSERT INTO t VALUES (200, '10.0.0.1', 'NaN', 'x'), \
             (201, '10.0.0.1', 1, repeat('x', 10 << 20)), (202, '10.0.0.1', 1, repeat('x', 25 << 20))",
    );
    let numbers: Vec<String> = (0..=121).chain(200..=202).map(|it| it.to_string()).collect();
    let mut asked: Vec<Vec<&str>> =
        numbers.iter().map(|it| vec![it.as_str(), "10.0.0.1"]).collect();
    asked.insert(7, vec!["6", "no address"]);
    let asked: Vec<&[&str]> = asked.iter().map(Vec::as_slice).collect();
    let asked = keys(&database, "t", &asked);
    for bytes_max in [1, 10_000, 16 << 20] {
        let limits = Limits { bytes_max, ..limits(1000) };
        let (found, absent) = database.driver().limits(limits).lookup("t", &asked).unwrap();
        let mut rows = found.column("t", "a");
        rows.sort_by_key(|row| row.parse::<u32>().unwrap());
        let expected: Vec<String> = (1..=120).chain([201]).map(|it| it.to_string()).collect();
        assert_eq!(rows, expected, "{bytes_max}");
        assert_eq!(absent, [0, 122], "{bytes_max}");
        let letters: Vec<_> = found.rejected.iter().map(|it| it.key.as_deref().unwrap()).collect();
        let key = |a: &str, b: &str| format!(r#"{{"a":"{a}","b":"{b}"}}"#);
        let bad = [key("6", "no address"), key("200", "10.0.0.1"), key("202", "10.0.0.1")];
        assert_eq!(letters, bad, "{bytes_max}");
        assert_eq!(found.batches.len() > 100, bytes_max == 1, "{}", found.batches.len());
    }
}

/// As many as a table may have.
#[test]
fn a_row_of_many_columns_is_looked_up() {
    let database = Database::new("looked_up_wide");
    let columns: Vec<String> = (0..1500).map(|at| format!("c{at} int")).collect();
    database.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, {}); INSERT INTO t (id, c7, c1499) VALUES (1, 7, 9)",
        columns.join(", ")
    ));
    let asked = keys(&database, "t", &[&["1"], &["2"]]);
    let (found, absent) = database.driver().lookup("t", &asked).unwrap();
    let values = ["c7", "c8", "c1499"].map(|column| found.column("t", column).remove(0));
    assert_eq!(values, ["7", "null", "9"]);
    assert_eq!((absent, found.rejected.len()), (vec![1], 0));
}

#[test]
fn a_look_up_sees_what_is_committed_and_told() {
    let database = Database::new("looked_up_waits");
    database.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'old')");
    let mut driver = database.driver();
    let asked = keys(&database, "t", &[&["1"]]);
    // Its commit may be in the log; nobody can tell it from one that is.
    let name = database.name.clone();
    let writer = std::thread::spawn(move || {
        support::cluster().sql(&name, "BEGIN; UPDATE t SET v = 'new'; SELECT pg_sleep(2); COMMIT");
    });
    let writing = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' \
                   AND datname = current_database()";
    while database.sql(writing).is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (found, _) = driver.lookup("t", &asked).unwrap();
    assert_eq!(found.column("t", "v"), ["new"]);
    writer.join().unwrap();
}

#[test]
fn values_that_are_looked_up_come_in_batches_that_can_be_held() {
    let database = Database::new("large_values");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int, big text, more text); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER more SET STORAGE EXTERNAL; \
         INSERT INTO t SELECT n, 0, repeat('x', 10 << 20) FROM generate_series(1, 5) n; \
         INSERT INTO t VALUES (6, 0, repeat('x', 9000), NULL), (7, 0, repeat('x', 13 << 20), repeat('y', 12 << 20)), \
             (8, 0, repeat('x', 13 << 20), 'y')",
    );
    let start = database.driver().position().unwrap();
    database.sql("UPDATE t SET v = id; UPDATE t SET v = 9, big = 'new' WHERE id = 8");
    for killed in [false, true] {
        let (mut source, mut position) = (database.source(), start.clone());
        let (mut replica, mut rejected, mut batches, mut was_within) =
            (replica(), Vec::new(), 0, false);
        loop {
            if killed {
                source = database.source();
            }
            let wait = Duration::from_secs(5);
            let batch =
                source.get_changes("public", &position, Limits { wait, ..limits(1000) }).unwrap();
            batches += 1;
            position = batch.position;
            rejected.extend(batch.rejected);
            let collected = Collected { batches: batch.tables, ..Default::default() };
            let bytes: usize = collected.column("t", "big").iter().map(String::len).sum();
            assert!(bytes <= 25 << 20, "{bytes}");
            replica.apply(&collected);
            if replica.rows("t", &["v"]).contains(&"9".to_owned()) {
                break;
            }
            assert!(batches < 20 && (batch.within_transaction || was_within));
            was_within = batch.within_transaction;
        }
        assert!((3..6).contains(&batches), "{batches}");
        let rows = replica.rows("t", &["id", "v", "big"]);
        let expected = |id: usize, size: usize| format!("{id}|{id}|{}", "x".repeat(size));
        let mut all: Vec<String> = (1..6).map(|id| expected(id, 10 << 20)).collect();
        all.extend([expected(6, 9000), "8|9|new".to_owned()]);
        assert!(rows == all, "{:?}", rows.iter().map(String::len).collect::<Vec<_>>());
        let words = format!("a value of {} bytes", 13 << 20);
        assert!(rejected.len() == 1 && rejected[0].message.contains(&words), "{rejected:?}");
    }
}

#[test]
fn a_text_that_is_looked_up_and_cannot_be_converted_is_a_dead_letter() {
    let database = Database::western("looked_up");
    database.sql(&format!(
        "CREATE TABLE t (id text PRIMARY KEY, v int, big text); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; \
         INSERT INTO t VALUES (U&'\\00E9', 0, repeat(U&'\\20AC', 3000)), \
             ('x', 0, repeat('a', 3000) || {NO_TEXT}), ('y', 0, repeat('b', 3000))"
    ));
    let start = database.driver().position().unwrap();
    database.sql("UPDATE t SET v = 1");
    let changes = follow(&mut database.driver(), &start);
    let mut replica = replica();
    replica.apply(&changes);
    let rows = [format!("y|1|{}", "b".repeat(3000)), format!("é|1|{}", "€".repeat(3000))];
    assert_eq!(replica.rows("t", &["id", "v", "big"]), rows);
    let letters: Vec<&str> = changes.rejected.iter().map(|it| &*it.message).collect();
    assert!(matches!(&letters[..], [one] if one.contains("column big")), "{letters:?}");
}

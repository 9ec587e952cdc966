//! Rows that are told apart by values: equal keys that are spelled differently, and values that are
//! unique besides the key and change their rows. Whatever the source did in one batch, the destination
//! has the same rows afterwards, and no dead letter.

use std::path::Path;

use cartridge_warp_tests::{
    Databases, Pipeline,
    rows::{Row, sqlite_query},
};
use serde_json::json;

/// A type of a key, and two spellings of one value of it.
const SPELLINGS: &[(&str, &str, &str)] = &[
    ("numeric", "1.0", "1.00"),
    ("numeric", "0", "-0.000"),
    ("numeric(400,300)", "1.5", "1.50"),
    ("real", "0", "-0"),
    ("double precision", "0", "-0"),
    ("double precision", "-0", "0"),
    ("interval", "24:00:00", "1 day"),
    ("interval", "30 days", "1 mon"),
    ("interval[]", "{24:00:00}", "{1 day}"),
    ("numeric[]", "{1.0,2}", "{1.00,2.0}"),
    ("double precision[]", "{0}", "{-0}"),
    ("jsonb", "1.0", "1.00"),
    ("jsonb", r#"{"a": 1.0}"#, r#"{"a": 1.00}"#),
    ("numrange", "[1.0,2)", "[1.00,2.0)"),
    ("spans", "{[1.0,2)}", "{[1.00,2.0)}"),
    ("character(5)", "ab", "ab  "),
    ("circle_text", "ab", "AB"),
    ("amount", "1.0", "1.00"),
    ("pair", "(1.0,x)", "(1.00,x)"),
    ("pair[]", r#"{"(1.0,x)"}"#, r#"{"(1.00,x)"}"#),
    ("citext", "ab", "AB"),
    ("hstore", "a=>1", r#""a"=>"1""#),
    ("cube", "(0)", "(-0)"),
];

/// Types that the spellings need; each where this server can make it.
const TYPES: &[&str] = &[
    "CREATE DOMAIN amount AS numeric",
    "CREATE TYPE pair AS (x numeric, y text)",
    "CREATE DOMAIN spans AS nummultirange",
    "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
     CREATE DOMAIN circle_text AS text COLLATE nocase",
    "CREATE EXTENSION citext",
    "CREATE EXTENSION hstore",
    "CREATE EXTENSION cube",
];

/// What is done to a table `$t` whose key is spelled `$a` or `$b`; `$z` is another key.
const DEEDS: &[&str] = &[
    "INSERT INTO $t VALUES ($a, 1); UPDATE $t SET k = $b",
    "INSERT INTO $t VALUES ($a, 1); DELETE FROM $t; INSERT INTO $t VALUES ($b, 2)",
    "INSERT INTO $t VALUES ($a, 1); UPDATE $t SET n = 2; UPDATE $t SET k = $b; UPDATE $t SET n = 3; \
     UPDATE $t SET k = $a, n = 4",
    "INSERT INTO $t VALUES ($a, 1); DELETE FROM $t; INSERT INTO $t VALUES ($b, 2); DELETE FROM $t",
    "INSERT INTO $t VALUES ($b, 1), ($z, 2); UPDATE $t SET k = $a WHERE n = 1; DELETE FROM $t WHERE n = 2; \
     INSERT INTO $t VALUES ($z, 3); DELETE FROM $t WHERE n = 1; INSERT INTO $t VALUES ($b, 4)",
    "INSERT INTO $t VALUES ($a, 1); DELETE FROM $t; INSERT INTO $t VALUES ($b, 2); DELETE FROM $t; \
     INSERT INTO $t VALUES ($a, 3); UPDATE $t SET k = $b; DELETE FROM $t; INSERT INTO $t VALUES ($a, 5)",
];

/// Another key of a type.
fn other(sql: &str) -> &'static str {
    match sql {
        "interval" => "7 years",
        "interval[]" => "{7 years}",
        "jsonb" | "real" | "double precision" | "amount" => "7",
        "numrange" => "[7,8)",
        "spans" => "{[7,8)}",
        "pair" => "(7,x)",
        "pair[]" => r#"{"(7,x)"}"#,
        "cube" => "(7)",
        "hstore" => "z=>7",
        sql if sql.starts_with("numeric") && !sql.ends_with("[]") => "7",
        sql if sql.ends_with("[]") => "{7}",
        _ => "z",
    }
}

type Spelling = (&'static str, &'static str, &'static str);
type Table = (String, &'static Spelling);

/// A table for each spelling that this server knows.
fn tables(databases: &Databases) -> Vec<Table> {
    for sql in TYPES {
        // Not every installation has them all.
        let _ = databases.source.try_sql("shop", sql);
    }
    let takes = |(at, case): (usize, &'static Spelling)| {
        let table = format!("t{at:02}");
        let (sql, one, two) = case;
        let equal = format!("SELECT '{one}'::{sql} = '{two}'::{sql}");
        let equal = databases.source.try_sql("shop", &equal).ok()?;
        assert_eq!(equal, ["t"], "{case:?} are not two spellings of one value");
        databases.at_source(&format!("CREATE TABLE {table} (k {sql} PRIMARY KEY, n int)"));
        Some((table, case))
    };
    let tables: Vec<Table> = SPELLINGS.iter().enumerate().filter_map(takes).collect();
    assert!(tables.len() + 4 > SPELLINGS.len(), "{tables:?}");
    tables
}

/// A deed done to each table, as a transaction each or statement by statement.
fn done(deed: &str, is_whole: bool, tables: &[Table]) -> String {
    let of = |(table, (sql, one, two)): &Table| {
        let value = |value: &str| format!("'{value}'::{sql}");
        let deed = deed.replace("$t", table).replace("$z", &value(other(sql)));
        let deed = deed.replace("$a", &value(one)).replace("$b", &value(two));
        let (begin, commit) = if is_whole { ("BEGIN; ", "; COMMIT") } else { ("", "") };
        format!("{begin}DELETE FROM {table}; {deed}{commit};\n")
    };
    tables.iter().map(of).collect()
}

#[test]
fn equal_keys_that_are_spelled_differently_are_one_row() {
    let databases = Databases::start();
    let tables = tables(&databases);
    let to_postgresql = databases.pipeline();
    let mut to_sqlite = databases.pipeline();
    to_sqlite.set("destination", json!({"type": "sqlite", "connection_string": "./shop.db"}));
    to_sqlite.set("source.options", json!({"slot": "to_sqlite", "publication": "to_sqlite"}));
    for round in [None].into_iter().chain(DEEDS.iter().map(Some)) {
        for is_whole in [true, false] {
            if let Some(deed) = round {
                databases.at_source(&done(deed, is_whole, &tables));
            }
            for pipeline in [&to_postgresql, &to_sqlite] {
                let ended = pipeline.catch_up();
                assert!(ended.status.success(), "{round:?}, {is_whole}: {}", ended.stderr);
            }
            assert_eq!(databases.differences(), Vec::<String>::new(), "{round:?}, {is_whole}");
            for (table, case) in &tables {
                let want = databases.at_source(&format!("SELECT n FROM {table} ORDER BY n"));
                let rows = sqlite_query(
                    &to_sqlite.database(),
                    &format!("SELECT n FROM {table} ORDER BY n"),
                );
                let have: Vec<String> = rows.iter().map(|row| row["n"].to_string()).collect();
                assert_eq!(have, want, "SQLite, {case:?}, {round:?}, {is_whole}");
            }
        }
    }
}

/// Changes of a table `t (id, name)` with rows 1 to 5 named a to e, whose names are unique.
const MOVES: &[(&str, &str)] = &[
    (
        "by a third",
        "UPDATE t SET name = 'x' WHERE id = 1; UPDATE t SET name = 'a' WHERE id = 2; \
         UPDATE t SET name = 'b' WHERE id = 1",
    ),
    ("at once", "UPDATE t SET name = CASE id WHEN 1 THEN 'b' ELSE 'a' END WHERE id < 3"),
    (
        "a ring",
        "UPDATE t SET name = CASE id WHEN 1 THEN 'b' WHEN 2 THEN 'c' ELSE 'a' END WHERE id < 4",
    ),
    ("a chain up", "UPDATE t SET name = chr(ascii(name) + 1) WHERE id < 6"),
    ("a chain down", "UPDATE t SET name = chr(ascii(name) - 1) WHERE id < 6"),
    (
        "to a new row",
        "UPDATE t SET name = 'x' WHERE id = 1; INSERT INTO t VALUES (6, 'a'); DELETE FROM t WHERE id = 1",
    ),
    ("to a row of another key", "DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (7, 'c')"),
    (
        "a key that moves, and its name to another",
        "UPDATE t SET id = id + 10 WHERE id = 4; UPDATE t SET name = 'y' WHERE id = 14; \
         INSERT INTO t VALUES (4, 'd')",
    ),
    (
        "keys that exchange",
        "UPDATE t SET id = -1 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = -1",
    ),
];

const FIVE: &str =
    "DELETE FROM t; INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')";

fn add_index(pipeline: &Pipeline, sql: &str) {
    let database: &Path = &pipeline.database();
    let none: Vec<Row> = sqlite_query(database, sql);
    assert!(none.is_empty());
}

#[test]
fn values_that_are_unique_besides_the_key_may_change_their_rows() {
    let databases = Databases::start();
    databases.at_source(
        "CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE DEFERRABLE INITIALLY DEFERRED);",
    );
    databases.at_source(FIVE);
    let to_postgresql = databases.pipeline();
    let mut to_sqlite = databases.pipeline();
    to_sqlite.set("destination", json!({"type": "sqlite", "connection_string": "./shop.db"}));
    to_sqlite.set("source.options", json!({"slot": "to_sqlite", "publication": "to_sqlite"}));
    for pipeline in [&to_postgresql, &to_sqlite] {
        assert!(pipeline.catch_up().status.success());
    }
    databases.at_destination("CREATE UNIQUE INDEX second ON t (name)");
    add_index(&to_sqlite, "CREATE UNIQUE INDEX second ON t (name)");
    for (name, sql) in MOVES {
        // Alone, beside the rows that made the table what it is, and among many.
        let many = "INSERT INTO t SELECT n, 'n' || n FROM generate_series(100, 4000) n";
        for around in [["", ""], ["BEGIN; ", "; COMMIT"], [many, "; DELETE FROM t WHERE id >= 100"]]
        {
            let [before, after] = around;
            databases.at_source(FIVE);
            if before != many {
                for pipeline in [&to_postgresql, &to_sqlite] {
                    assert!(pipeline.catch_up().status.success(), "{name}, before");
                }
            }
            let between = if before == many { "; " } else { "" };
            databases.at_source(&format!("{before}{between}{sql}{after}"));
            for pipeline in [&to_postgresql, &to_sqlite] {
                let ended = pipeline.catch_up();
                assert!(ended.status.success(), "{name}, {before}: {}", ended.stderr);
            }
            assert_eq!(databases.difference(), None, "{name}, {before}");
            let want = databases.at_source("SELECT id || ' ' || name FROM t ORDER BY id");
            let rows = sqlite_query(
                &to_sqlite.database(),
                "SELECT id || ' ' || name AS r FROM t ORDER BY id",
            );
            let have: Vec<&str> = rows.iter().filter_map(|row| row["r"].as_str()).collect();
            assert_eq!(have, want, "{name}, {before}");
        }
    }
}

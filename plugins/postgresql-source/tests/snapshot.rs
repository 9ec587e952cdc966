//! Snapshots: chunks, cursors, tables that change or are rewritten meanwhile, and every type.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use cartridge_warp_sdk::testing::Collected;
use cartridge_warp_sdk::{Chunk, Source};
use postgresql_source::PostgresqlSource;
use support::{Database, NO_TEXT, Replica, cluster, follow, limits, replica};

#[test]
fn chunks_meet_and_go_on_behind_any_row() {
    let database = Database::new("chunks");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, filler text); \
         INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 60000) n; \
         CREATE TABLE empty (id int PRIMARY KEY)",
    );
    let start = database.driver().position().unwrap();
    let mut driver = database.driver();
    let chunks = driver.source.plan_snapshot("public", "t", &start, 3).unwrap();
    assert_eq!(chunks.len(), 3);
    assert_eq!(database.source().plan_snapshot("public", "t", &start, 3).unwrap(), chunks);
    let mut replica = replica();
    let (mut rows, mut calls) = (0, 0);
    let mut source = database.source();
    for chunk in &chunks {
        let mut cursor: Option<Vec<u8>> = None;
        loop {
            calls += 1;
            if calls % 5 == 0 {
                source = database.source();
            }
            let cursor_before = cursor.as_deref();
            let batch = source
                .get_full_snapshot("public", "t", chunk, cursor_before, limits(4000))
                .unwrap();
            if let Some(read) = &batch.rows {
                assert!(read.len() <= 4000);
                rows += read.len();
                replica.apply_rows(read);
            }
            cursor = batch.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    assert_eq!((rows, replica.rows("t", &["id"]).len()), (60_000, 60_000));
    assert_eq!(driver.snapshot("empty", &start, 4).unwrap().rows(), 0);
}

#[test]
fn a_table_that_changes_while_it_is_copied_ends_up_equal() {
    let database = Database::new("overlap");
    // Large values stay where they are when rows move, so the log does not send them.
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, big text); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; \
         INSERT INTO t SELECT n, 0, repeat(n::text, 600) FROM generate_series(1, 6000) n; \
         INSERT INTO t SELECT n, 0, NULL FROM generate_series(6001, 40000) n; \
         DELETE FROM t WHERE id % 7 = 0; VACUUM t",
    );
    let start = database.driver().position().unwrap();
    let done = AtomicBool::new(false);
    let mut replica = replica();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0;
            while !done.load(Ordering::Relaxed) {
                round += 1;
                database.sql(&format!(
                    "UPDATE t SET v = v + 1 WHERE id % 50 = {round} % 50; \
                     DELETE FROM t WHERE id % 701 = {round} % 701; \
                     UPDATE t SET id = id + 100000 WHERE id % 503 = {round} % 503 AND id < 100000; \
                     INSERT INTO t SELECT 200000 + {round} * 100 + n, n, repeat('y', 3000) \
                     FROM generate_series(1, 20) n"
                ));
            }
        });
        let mut source = database.source();
        for chunk in source.plan_snapshot("public", "t", &start, 4).unwrap() {
            let mut cursor = None;
            loop {
                cursor = read_on(&mut source, &mut replica, &chunk, cursor, 9);
                if cursor.is_none() {
                    break;
                }
                // As if it had been killed.
                source = database.source();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    replica.apply(&follow(&mut database.driver(), &start));
    let mut expected = database.sql("SELECT id, v, coalesce(big, 'null') FROM t");
    expected.sort_unstable();
    let mut copied = replica.rows("t", &["id", "v", "big"]);
    copied.sort_unstable();
    assert_eq!(copied.len(), expected.len());
    assert!(copied == expected, "the rows differ");
}

#[test]
fn a_row_that_moves_behind_the_reader_comes_whole_from_the_stream() {
    let database = Database::new("moved");
    // Full pages, room in the first ones, and large values that the log does not send again.
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int, filler text, big text); \
         ALTER TABLE t ALTER filler SET STORAGE PLAIN, ALTER big SET STORAGE EXTERNAL; \
         INSERT INTO t SELECT n, 0, repeat('f', 500), CASE WHEN n > 59950 THEN \
             repeat(n::text, 600) END FROM generate_series(1, 60000) n; \
         DELETE FROM t WHERE id < 2000; VACUUM t",
    );
    let start = database.driver().position().unwrap();
    let mut source = database.source();
    let chunks = source.plan_snapshot("public", "t", &start, 2).unwrap();
    assert_eq!(chunks.len(), 2);
    let mut replica = replica();
    read_on(&mut source, &mut replica, &chunks[0], None, usize::MAX);
    database.sql("UPDATE t SET v = 1 WHERE id > 59950");
    read_on(&mut source, &mut replica, &chunks[1], None, usize::MAX);
    let copied = replica.rows("t", &["id"]).len();
    assert!(copied < 58_001, "no row moved, so nothing is shown");
    replica.apply(&follow(&mut database.driver(), &start));
    let big = |rows: Vec<String>| {
        let mut rows: Vec<String> = rows.into_iter().filter(|row| row.contains("|1|")).collect();
        rows.sort_unstable();
        rows
    };
    let expected = big(database.sql("SELECT id, v, big FROM t"));
    assert_eq!(expected.len(), 50);
    assert!(big(replica.rows("t", &["id", "v", "big"])) == expected, "the rows differ");
}

/// Reads at most so many steps of a chunk; where it goes on.
fn read_on(
    source: &mut PostgresqlSource,
    replica: &mut Replica,
    chunk: &Chunk,
    mut cursor: Option<Vec<u8>>,
    steps_max: usize,
) -> Option<Vec<u8>> {
    for _ in 0..steps_max {
        let batch =
            source.get_full_snapshot("public", "t", chunk, cursor.as_deref(), limits(500)).unwrap();
        batch.rows.iter().for_each(|rows| replica.apply_rows(rows));
        cursor = batch.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    cursor
}

#[test]
fn a_table_that_was_rewritten_is_read_whole_by_the_chunks_that_are_left() {
    let database = Database::new("rewritten");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, filler text); \
         INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 40000) n",
    );
    let start = database.driver().position().unwrap();
    let mut source = database.source();
    let chunks = source.plan_snapshot("public", "t", &start, 2).unwrap();
    assert_eq!(chunks.len(), 2);
    let mut replica = replica();
    // A part of the first half, then what is left moves to the front.
    let cursor = read_on(&mut source, &mut replica, &chunks[0], None, 1);
    assert!(cursor.is_some());
    drop(source);
    database.sql("DELETE FROM t WHERE id < 3000; VACUUM FULL t");
    let mut source = database.source();
    for (chunk, cursor) in [(&chunks[1], None), (&chunks[0], cursor)] {
        assert_eq!(read_on(&mut source, &mut replica, chunk, cursor, usize::MAX), None);
    }
    replica.apply(&follow(&mut database.driver(), &start));
    assert_eq!(replica.rows("t", &["id"]).len(), 37_001);
}

/// A column of each type: its SQL type, what it is in the model, a value as SQL, and as it arrives.
const TYPES: &[(&str, &str, &str, &str)] = &[
    ("int2", "integer", "-32768", "-32768"),
    ("int4", "integer", "2147483647", "2147483647"),
    ("int8", "bigint", "-9223372036854775808", "-9223372036854775808"),
    ("oid", "string", "4294967295", "4294967295"),
    ("float4", "float", "'NaN'", "NaN"),
    ("float8", "double", "'-Infinity'", "-inf"),
    ("float8", "double", "0.1", "0.1"),
    ("numeric(12,2)", "decimal(12,2)", "-1234567890.12", "-1234567890.12"),
    ("numeric(76,0)", "decimal(76,0)", "1e75", "1e75"),
    ("numeric(100,2)", "string", "1.5", "1.50"),
    ("numeric", "string", "'NaN'", "NaN"),
    ("numeric", "string", "1e-40", "0.0000000000000000000000000000000000000001"),
    ("text", "string", "E'\\ttab \\\\ back\\n'", "\ttab \\ back\n"),
    ("varchar(5)", "string", "'ü'", "ü"),
    ("char(5)", "string", "'ab'", "ab   "),
    ("name", "string", "'n'", "n"),
    ("bool", "boolean", "true", "true"),
    ("date", "date", "'0044-03-15 BC'", "-043-03-15"),
    ("date", "date", "'2024-02-29'", "2024-02-29"),
    ("time", "time", "'23:59:59.999999'", "23:59:59.999999"),
    ("timetz", "string", "'10:00:00+02'", "10:00:00+02"),
    ("timestamp", "timestamp", "'2024-02-29 10:00:00.5'", "2024-02-29T10:00:00.5"),
    ("timestamptz", "timestamptz", "'2024-02-29 10:00:00+02'", "2024-02-29T08:00:00Z"),
    ("timestamptz", "timestamptz", "'10000-01-01 00:00:00+00'", "10000-01-01T00:00:00Z"),
    ("interval", "string", "'1 year 2 days -3 hours'", "1 year 2 days -03:00:00"),
    (
        "uuid",
        "uuid",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
    ("json", "json", r#"'{"a":  1, "a": 2}'"#, r#"{"a":  1, "a": 2}"#),
    ("jsonb", "json", r#"'{"b":1e400}'"#, ""),
    ("jsonb", "json", r#"'{"a":  [1]}'"#, r#"{"a": [1]}"#),
    ("bytea", "binary", r"'\x00ff5c'", "00ff5c"),
    ("int4[]", "string", "'[0:2]={1,NULL,3}'", "[0:2]={1,NULL,3}"),
    ("text[]", "string", r#"'{{"a,b","\"c"},{d,NULL}}'"#, r#"{{"a,b","\"c"},{d,NULL}}"#),
    ("mood", "string", "'happy'", "happy"),
    ("positive", "integer", "7", "7"),
    ("pair", "string", "ROW(1, 'a b')", "(1,\"a b\")"),
    ("int4range", "string", "'[1,5)'", "[1,5)"),
    ("inet", "string", "'10.0.0.1/8'", "10.0.0.1/8"),
    ("cidr", "string", "'10.0.0.0/8'", "10.0.0.0/8"),
    ("macaddr", "string", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
    ("bit(3)", "string", "B'101'", "101"),
    ("varbit", "string", "B'1'", "1"),
    ("xml", "string", "'<a>&amp;</a>'", "<a>&amp;</a>"),
    ("money", "string", "'1234.5'", "$1,234.50"),
    ("point", "string", "'(1.5,2)'", "(1.5,2)"),
    ("polygon", "string", "'((0,0),(1,1))'", "((0,0),(1,1))"),
    ("tsvector", "string", "'a:1 b:2'", "'a':1 'b':2"),
    ("pg_lsn", "string", "'16/B374D848'", "16/B374D848"),
];

#[test]
fn every_type_is_the_same_in_the_snapshot_and_in_the_stream() {
    let database = Database::new("types");
    // Not every server was built with it.
    let has_xml = cluster().try_sql("postgres", "SELECT xml '<a/>'").is_ok();
    let cases: Vec<_> = TYPES.iter().filter(|case| has_xml || case.0 != "xml").collect();
    let columns: Vec<String> =
        cases.iter().enumerate().map(|(at, case)| format!("c{at} {}", case.0)).collect();
    let values: Vec<&str> = cases.iter().map(|case| case.2).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    // What the database is set to must not show.
    database.sql(&format!(
        "CREATE TYPE mood AS ENUM ('happy'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); \
         CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, {columns}); \
         ALTER DATABASE types SET datestyle = 'German'; \
         ALTER DATABASE types SET timezone = 'Asia/Tokyo'; \
         ALTER DATABASE types SET bytea_output = 'escape'; \
         ALTER DATABASE types SET intervalstyle = 'iso_8601'; \
         INSERT INTO t VALUES (1, {values}); INSERT INTO t (id) VALUES (2)"
    ));
    let mut driver = database.driver();
    let shape = driver.source.get_schema("public").unwrap().remove(0);
    let start = driver.position().unwrap();
    let snapshot = driver.snapshot("t", &start, 1).unwrap();
    database.sql(&format!("INSERT INTO t VALUES (3, {values}); INSERT INTO t (id) VALUES (4)"));
    let stream = follow(&mut driver, &start);
    assert!(snapshot.rejected.is_empty() && stream.rejected.is_empty());
    for (at, (sql, model, value, expected)) in cases.iter().copied().enumerate() {
        let name = format!("c{at}");
        let column = &shape.columns[at + 1];
        assert_eq!(column.column_type.to_string(), *model, "{sql}");
        let read = |collected: &Collected| collected.column("t", &name);
        assert_eq!(read(&snapshot), read(&stream), "{sql} {value}");
        let expected = match *expected {
            "1e75" => format!("1{}", "0".repeat(75)),
            "" => format!("{{\"b\": 1{}}}", "0".repeat(400)),
            expected => expected.to_owned(),
        };
        assert_eq!(read(&snapshot), [expected, "null".to_owned()], "{sql} {value}");
        let origin = column.origin_type.as_deref();
        let is_exact = ["int4", "int8", "float4", "float8", "text", "bool", "date", "jsonb"];
        assert_eq!(origin.is_none(), is_exact.contains(sql) || is_plain(sql), "{sql}: {origin:?}");
    }
}

fn is_plain(sql: &str) -> bool {
    let exact =
        ["numeric(12,2)", "numeric(76,0)", "time", "timestamp", "timestamptz", "uuid", "bytea"];
    exact.contains(&sql)
}

#[test]
fn values_that_no_column_holds_are_dead_letters_or_travel_as_text() {
    let rows = "INSERT INTO t VALUES (1, 'NaN', '10:00', 'infinity'), (2, 1, '24:00', '-infinity')";
    let create = "CREATE TABLE t (id int PRIMARY KEY, n numeric(5,2), c time, z timestamptz)";
    let database = Database::new("refused_values");
    database.sql(create);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.sql(rows);
    for read in [driver.snapshot("t", &start, 1).unwrap(), follow(&mut driver, &start)] {
        let codes: Vec<_> = read.rejected.iter().map(|letter| letter.code.as_str()).collect();
        assert_eq!((read.rows(), codes), (0, vec!["type-conversion"; 2]));
        let letter = &read.rejected[0];
        assert!(letter.message.contains("column n") && letter.message.contains("text_types"));
        assert!(letter.payload.contains(r#""n":"NaN""#), "{}", letter.payload);
        assert_eq!(letter.operation, "insert");
    }
    let database =
        Database::with("text_values", r#"{"text_types": ["numeric", "time", "timestamptz"]}"#);
    database.sql(create);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.sql(rows);
    for read in [driver.snapshot("t", &start, 1).unwrap(), follow(&mut driver, &start)] {
        assert!(read.rejected.is_empty());
        assert_eq!(read.column("t", "n"), ["NaN", "1.00"]);
        assert_eq!(read.column("t", "c"), ["10:00:00", "24:00:00"]);
        assert_eq!(read.column("t", "z"), ["infinity", "-infinity"]);
    }
}

#[test]
fn generated_columns_are_left_out_and_other_kinds_of_tables_too() {
    let database = Database::new("kinds");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED); \
         CREATE UNLOGGED TABLE u (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1 AS id; \
         CREATE TABLE keyless (a int); \
         CREATE TABLE by_index (a int NOT NULL, b int); CREATE UNIQUE INDEX i ON by_index (a); \
         ALTER TABLE by_index REPLICA IDENTITY USING INDEX i; \
         CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING; \
         CREATE TABLE later (b int, \"A\" int, PRIMARY KEY (\"A\", b) DEFERRABLE)",
    );
    let mut driver = database.driver();
    let tables = driver.source.get_schema("public").unwrap();
    let shown: Vec<String> = tables
        .iter()
        .map(|table| format!("{}({}) by {}", table.name, table.columns.len(), table.key.join(",")))
        .collect();
    let expected =
        ["by_index(2) by a", "keyless(1) by ", "later(2) by ", "nothing(1) by ", "t(2) by id"];
    assert_eq!(shown, expected);
    let start = driver.position().unwrap();
    database.sql("INSERT INTO t (id, a) VALUES (1, 2)");
    assert_eq!(follow(&mut driver, &start).column("t", "a"), ["2"]);
    let failure = driver.source.select_tables("public", &["keyless".to_owned()]);
    support::assert_failure(failure, "config", "no-key", &["ADD PRIMARY KEY", "USING INDEX"]);
    let failure = driver.source.select_tables("public", &["later".to_owned()]);
    let mends =
        "DROP CONSTRAINT \"later_pkey\", ADD CONSTRAINT \"later_pkey\" PRIMARY KEY (\"A\", b)";
    support::assert_failure(failure, "config", "deferrable-key", &[mends, "USING INDEX"]);
}

#[test]
fn text_that_the_server_cannot_convert_is_a_dead_letter_and_the_rows_around_it_arrive() {
    let database = Database::western("western");
    database.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, note text, j json, b jsonb, tags text[], c char(5), n numeric,
             many bigint[], day date, flag \"char\", period tstzrange);
         INSERT INTO t SELECT n, U&'caf\\00E9 ' || n, '{{\"a\": 1}}', '{{\"b\":2}}', ARRAY[U&'\\20AC', 'x'],
             'c', 1.50, '{{1,2}}', '2026-02-03', 'f', '[2026-01-01,)' FROM generate_series(1, 3000) n;
         UPDATE t SET note = {NO_TEXT} WHERE id IN (7, 2900);
         UPDATE t SET tags = ARRAY[{NO_TEXT}] WHERE id = 8; INSERT INTO t (id) VALUES (3001)"
    ));
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let copied = driver.snapshot("t", &start, 2).unwrap();
    let mut replica = replica();
    replica.apply(&copied);
    let columns = ["id", "note", "j", "b", "tags", "c", "n", "many", "day", "flag", "period"];
    let rows = replica.rows("t", &columns);
    assert_eq!(rows.len(), 2998);
    let expected = "6|café 6|{\"a\": 1}|{\"b\": 2}|{€,x}|c    |1.50|{1,2}|2026-02-03|f|\
                    [\"2026-01-01 00:00:00+00\",)";
    assert!(rows.iter().any(|row| row == expected), "{:?}", &rows[..2]);
    let nothing = format!("3001{}", "|null".repeat(10));
    assert!(rows.contains(&nothing), "{:?}", &rows[..2]);
    let letters: Vec<(&str, bool)> = copied
        .rejected
        .iter()
        .map(|letter| (&*letter.table, letter.message.contains("no character of UTF-8")))
        .collect();
    assert_eq!(letters, [("t", true); 3]);
    let of = |words: &str| copied.rejected.iter().filter(|it| it.message.contains(words)).count();
    assert_eq!((of("column note"), of("column tags")), (2, 1), "{:?}", copied.rejected);
}

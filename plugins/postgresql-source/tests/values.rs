//! A value is the same whichever way it comes: copied in the server's binary form, from the log as
//! text, or looked up.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::collections::BTreeMap;

use cartridge_warp_sdk::testing::Collected;
use cartridge_warp_sdk::{DeadLetter, serde_json};
use support::{Database, cluster, follow};

const ROWS: usize = 600;

/// A type, values of it that are special, and an expression that makes others of `n`.
const TYPES: &[(&str, &[&str], &str)] = &[
    ("bool", &["true"], "n % 2 = 0"),
    ("int2", &["-32768", "32767", "0"], "random() * 60000 - 30000"),
    ("int4", &["-2147483648", "2147483647"], "random() * 4e9 - 2e9"),
    ("int8", &["-9223372036854775808", "9223372036854775807"], "(random() * 1e18)::int8 - n"),
    ("oid", &["4294967295"], "n"),
    (
        "float4",
        &["NaN", "Infinity", "-Infinity", "-0", "1e6", "999999", "1e-4", "9.9e-5", "1e-45", "0.1"],
        "(random() - 0.5) * 10::float8 ^ (random() * 70 - 35)",
    ),
    (
        "float8",
        &["NaN", "Infinity", "-Infinity", "-0", "1e15", "1e14", "123456789012345", "5e-324"],
        "(random() - 0.5) * 10::float8 ^ (random() * 600 - 300)",
    ),
    (
        "numeric(12,2)",
        &["0", "-0.01", "9999999999.99", "10000", "0.5", "-1000000"],
        "(random() - 0.5) * 10 ^ (random() * 10)",
    ),
    ("numeric(9,9)", &["0.000000001", "-0.5"], "random()"),
    ("numeric(20,0)", &["99999999999999999999", "10000000000000000000"], "n * 100000000000::int8"),
    ("numeric(38,10)", &["-9999999999999999999999999999.9999999999"], "random() * 1e20"),
    ("numeric(76,30)", &["1e45", "-1e-30", "123456789012345678901234567890.5"], "random() * n"),
    ("numeric(100,2)", &["1e97", "NaN"], "random() * n"),
    (
        "numeric",
        &["NaN", "1e-40", "0.10", "1e500", "0", "0.00", "1.0", "1.00", "-1e-9", "1e16", "12340000"],
        "(random() - 0.5) * 10::numeric ^ (n % 60 - 30)",
    ),
    ("text", &["", "\\N", "\\", "ü\u{1F600}", "a\tb\nc\r\\.", "null"], "repeat('x', n)"),
    ("varchar(700)", &["", " a "], "repeat('é', n)"),
    ("char(5)", &["", "a", " b"], "n::text"),
    ("name", &["", "ä"], "n::text"),
    ("\"char\"", &["", "a"], "'z'"),
    ("bytea", &["", "\\x00", "\\x5c5c"], "decode(md5(n::text), 'hex')"),
    ("uuid", &["00000000-0000-0000-0000-000000000000"], "md5(n::text)::uuid"),
    ("json", &["{\"a\":  1, \"a\": null}", "\"\\u0000\"", "1e400"], "json_build_object('n', n)"),
    (
        "jsonb",
        &["{\"b\":1e400}", "null", "[]", "\"\\t\""],
        "jsonb_build_object('n', n, 'r', random())",
    ),
    (
        "date",
        &["infinity", "-infinity", "0044-03-15 BC", "5874897-12-31", "4714-11-24 BC", "0001-01-01"],
        "date '2000-01-01' + (random() * 1e6 - 5e5)::int",
    ),
    (
        "time",
        &["00:00", "23:59:59.999999", "10:00:00.100"],
        "time '00:00' + random() * interval '1 day'",
    ),
    ("timetz", &["24:00:00-15:59", "10:00+02"], "timetz '10:00:00.5-03'"),
    (
        "timestamp",
        &["infinity", "-infinity", "4714-11-24 00:00 BC", "294246-12-31 23:59:59.999999"],
        "timestamp '2000-01-01' + (random() - 0.5) * interval '9000 years'",
    ),
    (
        "timestamptz",
        &["infinity", "-infinity", "4714-11-24 00:00+00 BC", "1900-01-01 00:00:00.1+00"],
        "timestamptz '2000-01-01' + (random() - 0.5) * interval '9000 years'",
    ),
    ("interval", &["1 year 2 days -3 hours", "-1 mon", "0"], "random() * interval '1 year'"),
    ("int4[]", &["{}", "{NULL}", "[0:2]={1,NULL,3}", "{{1},{2}}"], "ARRAY[n, n + 1]"),
    ("text[]", &["{\"\"}", "{\"a,b\",\"\\\"c\"}"], "ARRAY[n::text, NULL]"),
    ("timestamptz[]", &["{infinity}"], "ARRAY[now() + n * interval '1 s']"),
    ("numeric[]", &["{1.0,NaN,-1.00}", "[-1:-1][2:3]={{0.001,NULL}}"], "ARRAY[random(), n]"),
    ("bool[]", &["{t,NULL}"], "ARRAY[n % 2 = 0]"),
    ("int2[]", &["{-32768}"], "ARRAY[n]"),
    ("int8[]", &["{{{1,2},{3,4}},{{5,6},{7,8}}}"], "ARRAY[n, NULL]"),
    ("oid[]", &["{4294967295}"], "ARRAY[n]"),
    ("varchar(9)[]", &["{NULL,null,\"NULL\",\"{}\",\"\\\\\",\"\u{b}\"}"], "ARRAY[n::text, 'é ']"),
    ("char(3)[]", &["{a}"], "ARRAY[n % 9]"),
    ("name[]", &["{a}"], "ARRAY[n::text]"),
    ("uuid[]", &["{00000000-0000-0000-0000-000000000000}"], "ARRAY[md5(n::text)::uuid]"),
    ("json[]", &["{\"{\\\"a\\\":  1}\"}"], "ARRAY[json_build_array(n, 'b')]"),
    ("jsonb[]", &["{\"\\\"\\\"\"}"], "ARRAY[jsonb_build_object('n', n)]"),
    ("bytea[]", &["{\"\\\\x00\"}"], "ARRAY[decode(md5(n::text), 'hex'), '']"),
    ("date[]", &["{infinity,\"0044-03-15 BC\"}"], "ARRAY[date '2000-01-01' + n]"),
    ("time[]", &["{24:00:00,10:00:00.1}"], "ARRAY[time '00:00' + n * interval '1 second']"),
    ("timestamp[]", &["{-infinity}"], "ARRAY[timestamp '2000-01-01' - n * interval '9 days']"),
    ("float8[]", &["{0.1,NaN}"], "ARRAY[random()]"),
    ("int2vector", &["1 2"], "'3 4'"),
    ("oidvector", &["1 2"], "n::text"),
    ("interval[]", &["{\"1 day\"}"], "ARRAY[n * interval '1 s']"),
    ("mood[]", &["{happy,NULL,\"so so\"}"], "ARRAY['happy'::mood]"),
    ("mood", &["happy", "so so"], "'happy'"),
    ("positive", &["2147483647"], "n"),
    ("positive[]", &["{1,2}"], "ARRAY[n]"),
    ("price", &["0.10", "-5"], "n"),
    ("pair", &["(,)", "(1,\"a b\")"], "ROW(n, NULL)"),
    ("int4range", &["empty", "[1,5)", "(,)"], "int4range(n, n + 1)"),
    ("inet", &["10.0.0.1", "10.0.0.1/8", "::1"], "inet '10.0.0.1' + n"),
    ("cidr", &["10.0.0.0/8", "::/0"], "cidr '10.1.0.0/16'"),
    ("macaddr", &["08:00:2b:01:02:03"], "macaddr '08:00:2b:01:02:04'"),
    ("bit(3)", &["101"], "n::bit(3)"),
    ("varbit", &["", "1"], "n::bit(9)"),
    ("money", &["-1234.5"], "n"),
    ("point", &["(1.5,-0)"], "point(n, random())"),
    ("polygon", &["((0,0),(1,1))"], "polygon '((0,0),(1,2))'"),
    ("tsvector", &["a:1 'b c':2"], "to_tsvector('simple', n::text)"),
    ("tsquery", &["a & !b"], "to_tsquery('simple', n::text)"),
    ("jsonpath", &["$.a[*]"], "'$.b'"),
    ("pg_lsn", &["16/B374D848"], "'0/1'"),
    ("regclass", &["pg_class"], "'pg_type'::regclass"),
    ("xml", &["<a>&amp;</a>"], "('<n>' || n || '</n>')::xml"),
];

/// Not every server was built with XML.
fn types() -> Vec<&'static (&'static str, &'static [&'static str], &'static str)> {
    let has_xml = cluster().try_sql("postgres", "SELECT xml '<a/>'").is_ok();
    TYPES.iter().filter(|case| has_xml || case.0 != "xml").collect()
}

/// A database with a table `t` of all types: special values, others, and NULLs.
fn database(name: &str) -> Database {
    let database = Database::new(name);
    let mut columns = String::new();
    let mut values = String::new();
    for (at, (sql, special, other)) in types().into_iter().enumerate() {
        let special: Vec<String> = special.iter().map(|value| literal(value)).collect();
        let special = special.join(", ");
        columns += &format!(", c{at} {sql}");
        values += &format!(
            ", CASE WHEN n % 97 = 96 THEN NULL WHEN n > cardinality(ARRAY[{special}]) \
             THEN (({other})::{sql}) ELSE ((ARRAY[{special}])[n])::{sql} END"
        );
    }
    // A cast of its own must not show.
    database.sql(&format!(
        "CREATE TYPE mood AS ENUM ('happy', 'so so'); \
         CREATE FUNCTION shouted(mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'LOUD' $$; \
         CREATE CAST (mood AS text) WITH FUNCTION shouted(mood); \
         CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN price AS numeric(9,3); \
         CREATE TYPE pair AS (a int, b text); \
         SELECT setseed(0.5); CREATE TABLE t (id int PRIMARY KEY, refused numeric(5,2){columns}); \
         INSERT INTO t SELECT n, 1{values} FROM generate_series(1, {ROWS}) n"
    ));
    database
}

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The values of a column by id; there may be changes behind the rows.
fn values(collected: &Collected, table: &str, column: &str) -> Vec<(i32, String)> {
    let ids = collected.column(table, "id").into_iter().take(ROWS);
    let ids = ids.map(|id| id.parse().unwrap());
    let mut values: Vec<_> = ids.zip(collected.column(table, column)).collect();
    values.sort_unstable();
    values
}

fn assert_same(one: &Collected, other: &Collected, tables: [&str; 2], ways: &str) {
    for (at, (sql, ..)) in types().into_iter().enumerate() {
        let name = format!("c{at}");
        let (one, other) = (values(one, tables[0], &name), values(other, tables[1], &name));
        assert_eq!((one.len(), other.len()), (ROWS, ROWS), "{sql}, {ways}");
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other, "{sql}, {ways}");
        }
    }
}

#[test]
fn copied_streamed_and_looked_up_values_are_the_same() {
    let database = database("values");
    database.sql("CREATE TABLE bare (id int PRIMARY KEY)");
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let copied = driver.snapshot("t", &start, 1).unwrap();
    assert!(copied.rejected.is_empty(), "{:?}", copied.rejected.first());

    database.sql("CREATE TABLE kept AS TABLE t; TRUNCATE t");
    let emptied = follow(&mut driver, &start);
    database.sql("INSERT INTO t SELECT * FROM kept ORDER BY id");
    let streamed = follow(&mut driver, &emptied.position);
    assert!(streamed.rejected.is_empty(), "{:?}", streamed.rejected.first());
    assert_same(&copied, &streamed, ["t", "t"], "copied and streamed");

    // Rows from before their columns, read by somebody who knows the table of now.
    let names: Vec<String> = (0..types().len()).map(|at| format!("c{at}")).collect();
    let columns = types().into_iter().zip(&names);
    let added: Vec<String> =
        columns.map(|((sql, ..), name)| format!("ADD COLUMN {name} {sql}")).collect();
    let set: Vec<String> = names.iter().map(|name| format!("{name} = t.{name}")).collect();
    database.sql(&format!(
        "INSERT INTO bare SELECT id FROM t ORDER BY id; ALTER TABLE bare {}; \
         UPDATE bare SET {} FROM t WHERE t.id = bare.id",
        added.join(", "),
        set.join(", ")
    ));
    // One at a time: while it streams, it holds the slot.
    drop(driver);
    let looked_up = follow(&mut database.driver(), &streamed.position);
    assert_same(&copied, &looked_up, ["t", "bare"], "copied and looked up");
}

#[test]
fn dead_letters_quote_the_servers_own_text_whichever_way_they_come() {
    let database = database("letters");
    database.sql("UPDATE t SET refused = 'NaN'; CREATE TABLE kept AS SELECT * FROM t ORDER BY id");
    database.sql("TRUNCATE t; INSERT INTO t SELECT * FROM kept ORDER BY id");
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let copied = driver.snapshot("t", &start, 1).unwrap();
    database.sql("TRUNCATE t");
    let emptied = follow(&mut driver, &start);
    database.sql("INSERT INTO t SELECT * FROM kept ORDER BY id");
    let streamed = follow(&mut driver, &emptied.position);
    assert_eq!((copied.rows(), copied.rejected.len()), (0, ROWS));
    assert_eq!(streamed.rejected.len(), ROWS);
    let by_id = |letters: &[DeadLetter]| -> BTreeMap<String, Vec<(String, String)>> {
        letters.iter().map(fields).collect()
    };
    let (copied, streamed) = (by_id(&copied.rejected), by_id(&streamed.rejected));
    for (copied, streamed) in copied.values().zip(streamed.values()) {
        for (copied, streamed) in copied.iter().zip(streamed) {
            assert_eq!(copied, streamed);
        }
    }
    assert_eq!(copied, streamed);
}

/// The row's id, and what the letter says.
fn fields(letter: &DeadLetter) -> (String, Vec<(String, String)>) {
    let payload: BTreeMap<String, Option<String>> = serde_json::from_str(&letter.payload).unwrap();
    let mut fields = vec![(letter.code.clone(), letter.message.clone())];
    for (at, (sql, ..)) in types().into_iter().enumerate() {
        let text = payload[&format!("c{at}")].as_deref().unwrap_or("null");
        // Where two shortest texts are equally near, each side has its choice.
        let text = match *sql {
            "float4" => text.parse::<f32>().map_or(text.to_owned(), |number| number.to_string()),
            "float8" => text.parse::<f64>().map_or(text.to_owned(), |number| number.to_string()),
            _ => text.to_owned(),
        };
        fields.push(((*sql).to_owned(), text));
    }
    (payload["id"].clone().unwrap(), fields)
}

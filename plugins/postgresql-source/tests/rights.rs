//! What a role may read, what a table may be called and made of, and what its bytes may be.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::testing::Driver;
use cartridge_warp_sdk::{Config, Source};
use postgresql_source::{Options, PostgresqlSource, ReadBy};
use support::{Database, Replica, assert_failure, cluster, follow, limits, replica};

/// A connection as another role, with the tables selected that it may follow.
fn as_role(database: &Database, role: &str, tables: &[&str]) -> PostgresqlSource {
    let url = cluster().url(&database.name);
    let (_, place) = url.split_once('@').unwrap();
    let url = format!("postgresql://{role}@{place}");
    let mut source = PostgresqlSource::connect(Config::new(url, database.options.clone())).unwrap();
    source.get_schema("public").unwrap();
    let tables: Vec<String> = tables.iter().map(|table| (*table).to_owned()).collect();
    source.select_tables("public", &tables).unwrap();
    source
}

/// The rows of a table by its copy and by its changes since, both from the same start.
fn copy_and_follow(source: PostgresqlSource, table: &str, change: impl FnOnce()) -> Replica {
    let mut driver = Driver::new(source, "public").limits(limits(3));
    let start = driver.position().unwrap();
    let mut replica = replica();
    replica.apply(&driver.snapshot(table, &start, 4).unwrap());
    change();
    let changes = follow(&mut driver, &start);
    assert!(changes.rejected.is_empty(), "{:?}", changes.rejected);
    replica.apply(&changes);
    replica
}

/// The server has roles that others get rights from, and a superuser makes the publication.
#[test]
fn columns_that_a_role_may_read_are_followed_and_the_others_described() {
    for read_by in [ReadBy::Sql, ReadBy::Streaming] {
        let mut database = Database::new(&format!("granted_{read_by:?}").to_lowercase());
        database.options = Options { read_by, ..Options::default() };
        let role = format!("reader_{read_by:?}").to_lowercase();
        database.sql(&format!(
            "CREATE ROLE {role} LOGIN REPLICATION;
             CREATE TABLE t (id int PRIMARY KEY, name text, secret text, big text);
             ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
             INSERT INTO t SELECT n, 'n' || n, 'secret', repeat('x', 5000)
                 FROM generate_series(1, 10) n;
             GRANT SELECT (id, name, big) ON t TO {role};
             CREATE PUBLICATION cartridge_warp_public FOR TABLE t"
        ));
        let mut source = as_role(&database, &role, &["t"]);
        let described = source.get_schema("public").unwrap().remove(0);
        let secret = described.columns.iter().find(|column| column.name == "secret").unwrap();
        let mended_by = secret.unreadable.as_deref().unwrap();
        let grant = format!("GRANT SELECT (\"secret\") ON \"public\".\"t\" TO {role}");
        assert!(mended_by.contains(&grant), "{mended_by}");
        source.test_connection().unwrap();
        let replica = copy_and_follow(source, "t", || {
            // A key that changes and a value that is not sent: it is looked up.
            database.sql(
                "INSERT INTO t VALUES (11, 'new', 'secret', 'y'); DELETE FROM t WHERE id = 1;
                 UPDATE t SET id = 20 WHERE id = 2; UPDATE t SET name = 'other' WHERE id = 3",
            );
        });
        let expected = database.sql("SELECT id, name, big, 'null' FROM t");
        assert_eq!(replica.incomplete(), 0);
        let rows = replica.rows("t", &["id", "name", "big", "secret"]);
        assert_eq!(sorted(rows), sorted(expected), "{read_by:?}");
    }
}

fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

/// What cannot be read behind one of its rows would be read from its beginning in each turn.
#[test]
fn a_table_that_cannot_be_read_from_anywhere_takes_no_turns() {
    let database = Database::new("turns");
    database.sql(
        "CREATE ROLE turner LOGIN REPLICATION;
         CREATE TABLE t (id int PRIMARY KEY, secret text); GRANT SELECT (id) ON t TO turner;
         CREATE TABLE u (id int PRIMARY KEY); GRANT SELECT ON u TO turner;
         CREATE PUBLICATION cartridge_warp_public FOR TABLE t, u",
    );
    let begin = |tables: &[&str]| as_role(&database, "turner", tables).begin_turn("public", true);
    assert_eq!(begin(&["t", "u"]).unwrap_err().code, "no-turns");
    begin(&["u"]).unwrap();
}

#[test]
fn a_publication_that_lists_columns_sends_these() {
    let database = Database::new("listed");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, name text, secret text);
         INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, 'c', 'x');
         CREATE PUBLICATION cartridge_warp_public FOR TABLE t (id, name)",
    );
    let mut source = database.source();
    let described = source.get_schema("public").unwrap().remove(0);
    let withheld: Vec<_> =
        described.columns.iter().filter_map(|it| it.unreadable.as_ref()).collect();
    assert_eq!(withheld.len(), 1);
    assert!(withheld[0].contains("ALTER PUBLICATION \"cartridge_warp_public\""), "{withheld:?}");
    let replica = copy_and_follow(source, "t", || {
        database.sql("INSERT INTO t VALUES (4, 'd', 'x'); UPDATE t SET name = 'z' WHERE id = 1");
    });
    assert_eq!(
        sorted(replica.rows("t", &["id", "name"])),
        sorted(database.sql("SELECT id, name FROM t"))
    );
    // Behind the list's back nothing is followed.
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    database.sql("ALTER PUBLICATION cartridge_warp_public SET TABLE t");
    let refused = database.source().get_changes("public", &start, limits(10));
    assert_failure(refused, "resync", "not-published", &["--full-resync=public.t"]);
}

#[test]
fn rights_that_go_while_it_runs_are_said() {
    let database = Database::new("revoked");
    database.sql(
        "CREATE ROLE loser LOGIN REPLICATION; CREATE TABLE t (id int PRIMARY KEY, v text);
         GRANT SELECT ON t TO loser; CREATE PUBLICATION cartridge_warp_public FOR TABLE t",
    );
    let source = as_role(&database, "loser", &["t"]);
    let mut driver = Driver::new(source, "public").limits(limits(10));
    let start = driver.position().unwrap();
    database.sql(
        "REVOKE SELECT ON t FROM loser; GRANT SELECT (id) ON t TO loser;
         ALTER TABLE t ADD COLUMN w int; INSERT INTO t VALUES (1, 'a', 2)",
    );
    let refused = (0..100).find_map(|_| driver.changes(&start).err()).unwrap();
    assert_eq!((refused.action.as_str(), refused.code.as_str()), ("reconnect", "column-withheld"));
    assert!(refused.message.contains("GRANT SELECT (\"v\")"), "{refused}");
}

/// Managed servers let members of a role of their own read the log, whatever `rolreplication` says.
#[test]
fn a_role_is_judged_by_what_the_server_lets_it_do() {
    let database = Database::new("managed");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a');
         CREATE ROLE replicators; CREATE ROLE managed LOGIN; CREATE ROLE nobody LOGIN;
         GRANT replicators TO managed; GRANT SELECT ON t TO managed;
         CREATE PUBLICATION cartridge_warp_public FOR TABLE t",
    );
    // What such a server does inside: these functions ask for another right.
    for (name, parameters, arguments, result) in [
        (
            "pg_create_logical_replication_slot",
            "slot_name name, plugin name, OUT slot_name_made name, OUT lsn pg_lsn",
            "slot_name, plugin",
            "record",
        ),
        (
            "pg_logical_slot_peek_binary_changes",
            "slot_name name, upto_lsn pg_lsn, upto_nchanges int, VARIADIC options text[] \
             DEFAULT '{}', OUT lsn pg_lsn, OUT xid xid, OUT data bytea",
            "slot_name, upto_lsn, upto_nchanges, VARIADIC options",
            "SETOF record",
        ),
        (
            "pg_replication_slot_advance",
            "slot_name name, upto_lsn pg_lsn, OUT slot_name_moved name, OUT end_lsn pg_lsn",
            "slot_name, upto_lsn",
            "record",
        ),
    ] {
        database.sql(&format!(
            "ALTER FUNCTION pg_catalog.{name} RENAME TO {name}_of_server;
             CREATE FUNCTION pg_catalog.{name}({parameters}) RETURNS {result} LANGUAGE sql
                 SECURITY DEFINER AS $$ SELECT * FROM pg_catalog.{name}_of_server({arguments}) $$;
             REVOKE EXECUTE ON FUNCTION pg_catalog.{name} FROM public;
             GRANT EXECUTE ON FUNCTION pg_catalog.{name} TO replicators"
        ));
    }
    let connect = |role: &str| {
        let url = cluster().url(&database.name);
        let (_, place) = url.split_once('@').unwrap();
        let url = format!("postgresql://{role}@{place}");
        PostgresqlSource::connect(Config::new(url, Options::default()))
    };
    let words = ["ALTER ROLE \"nobody\" REPLICATION", "GRANT rds_replication TO \"nobody\""];
    assert_failure(connect("nobody"), "config", "no-replication-right", &words);
    let replica = copy_and_follow(as_role(&database, "managed", &["t"]), "t", || {
        database.sql("INSERT INTO t VALUES (2, 'b')");
    });
    assert_eq!(sorted(replica.rows("t", &["id", "v"])), ["1|a", "2|b"]);
}

#[test]
fn names_that_are_reserved_or_cannot_be_shown_travel_under_others() {
    let database = Database::new("names");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, _op int, _ts int, _unchanged int, __op int, \
             \"a\nb\" int);
         CREATE TABLE k (id int, _op int, PRIMARY KEY (id, _op));
         CREATE TABLE nothing (); CREATE TABLE computed (a int GENERATED ALWAYS AS (1) STORED);
         INSERT INTO t VALUES (1, 2, 3, 4, 5, 6); INSERT INTO k VALUES (1, 2)",
    );
    let mut source = database.source();
    let tables = source.get_schema("public").unwrap();
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["computed", "k", "nothing", "t"]);
    assert_eq!(tables[1].key, ["id", "__op"]);
    let columns: Vec<&str> = tables[3].columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns[..5], ["id", "__op", "__ts", "__unchanged", "___op"]);
    assert!(columns[5].starts_with("a_b_"), "{columns:?}");
    for table in ["nothing", "computed"] {
        let refused = source.select_tables("public", &[table.to_owned()]);
        assert_failure(refused, "config", "no-columns", &[table, "leave it out"]);
    }
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    assert_eq!(driver.snapshot("t", &start, 1).unwrap().column("t", "__op"), ["2"]);
    database.sql(
        "UPDATE t SET _op = 7, \"a\nb\" = 8; UPDATE k SET _op = 3; \
         ALTER TABLE t RENAME _ts TO ts; ALTER TABLE t ADD COLUMN _ts int; INSERT INTO t(id) VALUES (2)",
    );
    let changes = follow(&mut driver, &start);
    assert_eq!(changes.column("t", "__op"), ["update 7", "null"]);
    assert_eq!(changes.column("k", "__op"), ["delete 2", "3"]);
    let announced: Vec<_> = changes
        .schema_changes
        .iter()
        .map(|change| (change.column.as_deref().unwrap(), change.new_name.as_deref()))
        .collect();
    assert_eq!(announced.first(), Some(&("__ts", Some("ts"))), "{announced:?}");
    assert_eq!(announced.last(), Some(&("__ts", None)), "{announced:?}");
}

/// Values that an update leaves out are looked up by the key, whatever type it has.
#[test]
fn rows_are_found_by_keys_of_any_type() {
    let database = Database::new("keys");
    database.sql(
        "CREATE SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;
         CREATE DOMAIN public.code AS text CHECK (value <> '');
         CREATE DOMAIN public.path AS ext.ltree; CREATE TYPE public.pair AS (a int, b text);
         CREATE TYPE public.mood AS ENUM ('sad', 'ok')",
    );
    let cases = [
        ("of_ltree", "ext.ltree", "'a.b'", "'a.c'"),
        ("of_citext", "ext.citext", "'Foo'", "'Bar'"),
        ("of_domain", "public.code", "'x'", "'y'"),
        ("of_path", "public.path", "'a.b'", "'a.c'"),
        ("of_array", "int[]", "'{1,2}'", "'{1,3}'"),
        ("of_enum", "public.mood", "'sad'", "'ok'"),
        ("of_pair", "public.pair", "'(1,x)'", "'(1,y)'"),
        ("of_inet", "inet", "'10.0.0.1'", "'10.0.0.2'"),
        ("of_char", "char(5)", "'a'", "'b'"),
        ("of_bit", "bit(3)", "'101'", "'111'"),
        ("of_numeric", "numeric", "1.50", "2.50"),
        ("of_time", "timestamptz", "'2024-05-01 12:00+02'", "'2024-05-02 12:00+02'"),
        ("of_bytes", "bytea", "'\\x00ff'", "'\\x01'"),
        ("of_quotes", "text", "E'it''s \\\\ \"'", "'other'"),
    ];
    for (table, type_, key, other) in cases {
        database.sql(&format!(
            "CREATE TABLE {table} (id {type_}, n int, big text, PRIMARY KEY (n, id));
             ALTER TABLE {table} ALTER big SET STORAGE EXTERNAL;
             INSERT INTO {table} VALUES ({key}, 1, repeat('x', 5000))"
        ));
        assert_ne!(key, other);
    }
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    for (table, type_, _, other) in cases {
        database.sql(&format!("UPDATE {table} SET id = {other}::{type_}"));
    }
    let changes = follow(&mut driver, &start);
    for (table, ..) in cases {
        let big = changes.column(table, "big");
        assert_eq!(big.last().map(String::len), Some(5000), "{table}: {big:?}");
    }
}

/// A database without an encoding may hold anything; what is no text is that row's matter.
#[test]
fn bytes_that_are_no_text_are_dead_letters() {
    for read_by in [ReadBy::Sql, ReadBy::Streaming] {
        let name = format!("raw_{read_by:?}").to_lowercase();
        cluster().sql(
            "postgres",
            &format!(
                "CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' \
                      TEMPLATE template0"
            ),
        );
        let database = Database { name, options: Options { read_by, ..Options::default() } };
        database.sql(
            "CREATE TABLE t (id text PRIMARY KEY, v text, big text);
             ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
             INSERT INTO t VALUES ('good', 'ä', repeat('x', 5000)), ('bad', E'\\xff', 'x'), \
                 (E'\\xfe', 'key', 'x'), ('big', 'v', E'\\xfd' || repeat('y', 5000))",
        );
        let mut driver = database.driver();
        let start = driver.position().unwrap();
        let copied = driver.snapshot("t", &start, 1).unwrap();
        assert_eq!(copied.column("t", "v"), ["ä"]);
        let about = |letters: &[cartridge_warp_sdk::DeadLetter]| -> Vec<String> {
            letters.iter().map(|letter| format!("{} {}", letter.table, letter.payload)).collect()
        };
        let letters = about(&copied.rejected);
        assert_eq!(letters.len(), 3, "{letters:?}");
        assert!(
            letters[0].starts_with("t {") && letters[0].contains("\"id\":\"bad\""),
            "{letters:?}"
        );
        database.sql(
            "INSERT INTO t VALUES ('new', E'\\xff', 'x'); UPDATE t SET v = 'w' WHERE id = 'good';
             UPDATE t SET id = 'big2' WHERE id = 'big'; DELETE FROM t WHERE id = E'\\xfe'",
        );
        let changes = follow(&mut driver, &start);
        let letters = about(&changes.rejected);
        assert_eq!(letters.len(), 3, "{letters:?}");
        for part in ["\"id\":\"new\"", "\"id\":\"big2\""] {
            assert!(letters.iter().any(|letter| letter.contains(part)), "{part}: {letters:?}");
        }
        assert!(
            changes.rejected.iter().all(|it| it.message.contains("no character of UTF-8")),
            "{letters:?}"
        );
        assert!(changes.column("t", "v").contains(&"update w".to_owned()));
    }
}

/// A read over SQL is kept in a temporary file at the server; a stream is not.
#[test]
fn a_read_that_takes_too_much_temporary_space_is_streamed() {
    let mut database = Database::new("narrow");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, filler text);
         ALTER DATABASE narrow SET temp_file_limit = '1MB'; ALTER DATABASE narrow SET work_mem = '64kB'",
    );
    let start = database.driver().position().unwrap();
    database.sql("INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n");
    let ids = follow(&mut database.driver(), &start).column("t", "id");
    assert_eq!(ids.len(), 20_000);
    database.options.read_by = ReadBy::Sql;
    let refused = database.source().get_changes("public", &start, limits(1000));
    assert_failure(refused, "config", "temporary-space", &["temp_file_limit", "streaming"]);
}

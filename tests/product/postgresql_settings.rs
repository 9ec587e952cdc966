//! What databases are set to changes nothing about values, and limits of a server are named as what they
//! are.

use cartridge_warp_tests::Databases;
use serde_json::json;

/// Settings under which the server reads or writes values, types or names in other words.
const SETTINGS: [(&str, &str); 14] = [
    ("array_nulls", "off"),
    ("quote_all_identifiers", "on"),
    ("datestyle", "'German, DMY'"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "'Asia/Kolkata'"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-5"),
    ("xmloption", "document"),
    ("xmlbinary", "hex"),
    ("escape_string_warning", "on"),
    ("backslash_quote", "on"),
    ("transform_null_equals", "on"),
    ("default_transaction_isolation", "serializable"),
    ("search_path", "nowhere"),
];

const TABLE: &str = "CREATE TABLE public.v (id int PRIMARY KEY, words text[], moments timestamptz[], \
    numbers int[], j json, b jsonb, x xml, i interval, f float8, y bytea, d date, m money)";

/// A row; servers may be built without XML.
fn row(databases: &Databases, id: u32) -> String {
    let has_xml = databases.source.try_sql("shop", "SELECT xml '<a/>'").is_ok();
    let xml = if has_xml { "XMLPARSE(CONTENT '<a>1</a>two')" } else { "NULL" };
    format!(
        "INSERT INTO public.v VALUES ({id}, ARRAY['a', NULL, 'NULL'], ARRAY[NULL, timestamptz \
         '2024-02-03 04:05:06.789+00'], ARRAY[{id}, NULL], '{{\"b\": 1, \"a\": 2,  \"a\": 3}}', \
         '{{\"n\": null}}', {xml}, '1 year 2 days 3 hours', 0.1, \
         '\\x0001ff27', '2024-02-03', 12.34)"
    )
}

/// The rows in words that depend on no setting, and the types of the columns.
const SHOWN: &str = "SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = 'UTC'; \
    SET bytea_output = hex; SET extra_float_digits = 1; SET array_nulls = on; \
    SET quote_all_identifiers = off; \
    SELECT v::text FROM public.v ORDER BY id; \
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute \
    WHERE attrelid = 'public.v'::regclass AND attnum > 0 ORDER BY attname";

#[test]
fn no_setting_of_a_database_changes_values() {
    let databases = Databases::start();
    databases.at_source(TABLE);
    databases.at_source(&row(&databases, 1));
    for (name, value) in SETTINGS {
        let sql = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {name} = {}', current_database()); END $$",
            value.replace('\'', "''")
        );
        databases.at_source(&sql);
        databases.at_destination(&sql);
    }
    let pipeline = databases.pipeline();
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    databases.at_source(&row(&databases, 2));
    databases.at_source("UPDATE public.v SET words = words || ARRAY[NULL, 'z'] WHERE id = 1");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    let (from, to) = (databases.at_source(SHOWN), databases.at_destination(SHOWN));
    assert!(from.iter().any(|line| line.contains("{a,NULL,\"\"NULL\"\",NULL,z}")), "{from:?}");
    assert_eq!(to, from);
}

#[test]
fn a_server_without_room_for_a_slot_is_told_by_that_name() {
    let databases = Databases::start_with(&[("max_replication_slots", "1")]);
    databases.at_source("CREATE TABLE t (id int PRIMARY KEY)");
    databases.at_source("SELECT pg_create_logical_replication_slot('another', 'pgoutput')");
    let mut pipeline = databases.pipeline();
    pipeline.set("error_handling.max_retries", json!(0));
    for command in [&["check"][..], &["run", "--until-caught-up"]] {
        let ended = pipeline.run(command);
        assert!(!ended.status.success(), "{command:?}");
        for words in ["no-slot-left", "max_replication_slots"] {
            assert!(ended.stderr.contains(words), "{command:?} without {words}: {}", ended.stderr);
        }
        assert!(!ended.stderr.contains("temp_file_limit"), "{command:?}: {}", ended.stderr);
    }
}

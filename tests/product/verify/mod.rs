//! `verify` finds each row that differs, and none that does not.

mod at_rest;
mod beside_a_run;
mod in_the_background;
mod refused;
mod repaired;
mod to_sqlite;

use cartridge_warp_tests::{Databases, Pipeline};
use serde_json::{Value, json};

/// What came of a table, or of the only one; with this exit code.
fn verified(pipeline: &Pipeline, code: i32, arguments: &[&str]) -> Value {
    let ended = pipeline.run(&[&["--output", "json", "verify"], arguments].concat());
    let said = [ended.stdout.as_str(), &ended.stderr].concat();
    assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {said}");
    serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap()
}

/// Rows that differ, in this order: missing, extra, different, in flight, undecided.
fn counts(came: &Value) -> [u64; 5] {
    ["missing", "extra", "different", "in_flight", "undecided"].map(|it| came[it].as_u64().unwrap())
}

/// Whether a row drifted, and how: `different note` names the columns, too.
fn drift_of(came: &Value, id: i64) -> Option<String> {
    let key = json!({ "id": id.to_string() }).to_string();
    let samples = came["samples"].as_array().unwrap();
    let sample = samples.iter().find(|sample| sample["key"] == key.as_str())?;
    let mut words = vec![sample["drift"].as_str().unwrap().to_owned()];
    let columns = sample["columns"].as_array().unwrap();
    words.extend(columns.iter().map(|column| column["column"].as_str().unwrap().to_owned()));
    Some(words.join(" "))
}

/// A table with a column of each form, of which some are masked, renamed, of another type and added.
fn items() -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(ITEMS);
    let mut pipeline = databases.pipeline();
    pipeline.set("hash_key", json!("a key of some length"));
    pipeline.set(
        "schemas.0.tables",
        json!([{"name": "items", "columns": {
            "mask": {"email": "hash", "card": {"keep_last": 2}},
            "rename": {"note": "remark"},
            "types": {"qty": "text"},
            "exclude": ["internal"],
            "add": {"origin": "eu", "committed": {"from": "commit_time"}},
        }}]),
    );
    (databases, pipeline)
}

/// Rows of the table of [`items`].
const ROWS: u64 = 300;

const ITEMS: &str = r#"
    CREATE TABLE items (id bigint PRIMARY KEY, note text, n numeric(20, 4), free numeric, at timestamptz,
        wall timestamp, day date, clock time, doc jsonb, raw bytea, flag boolean, big double precision,
        small real, u uuid, span interval, words text[], email text, card text, qty int, internal text);
    INSERT INTO items SELECT i, CASE WHEN i % 7 > 0 THEN 'n' || i || chr(10) || '\' END, i * 1.0001, i / 7.0,
        '2024-05-01 12:00:00.123456+02'::timestamptz + i * '1 hour'::interval, '2024-01-01'::timestamp + i * '1 second'::interval,
        '0044-03-15 BC'::date + i, '12:00:00.5', jsonb_build_object('b', i, 'a', jsonb_build_array(i / 3.0, null, 'ü')),
        decode(md5(i::text), 'hex'), i % 2 = 0, i / 3.0, i / 3.0::real, md5(i::text)::uuid, i * '1 day 2 hours'::interval,
        ARRAY['a', NULL, 'b c'], 'a' || i || '@example.com', '4111' || i, i, 'secret'
    FROM generate_series(1, 300) AS i;
    UPDATE items SET big = 'NaN', small = '-Infinity', at = 'infinity' WHERE id = 1;
    UPDATE items SET big = '-0', doc = '1.10', note = '' WHERE id = 2;
"#;

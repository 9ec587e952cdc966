//! Snapshots: types, keys, chunks, exactness, and rows that cannot travel.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::testing::assert_failure;
use cartridge_warp_sdk::{Column, ColumnType, Source, parse_options};
use files_source::Options;
use support::{Shop, rows_at_a_time};

fn options(json: &str) -> Options {
    serde_json::from_str(json).unwrap()
}

#[test]
fn types_and_keys_are_inferred_from_the_sample() {
    let shop = Shop::new();
    shop.write(
        "orders.ndjson",
        concat!(
            r#"{"id":1,"total":9.5,"paid":true,"on":"2024-05-01","at":"2024-05-01T10:00:00Z","tags":["a"],"note":null}"#,
            "\n",
            r#"{"id":2,"total":3,"paid":false,"on":"2024-05-02","at":"2024-05-01 10:00:00.5","tags":{},"note":"x"}"#,
            "\n"
        ),
    );
    let tables = shop.source().get_schema("shop").unwrap();
    let types: Vec<String> = tables[0]
        .columns
        .iter()
        .map(|column| format!("{} {}", column.name, column.column_type))
        .collect();
    assert_eq!(
        types,
        [
            "id bigint",
            "total double",
            "paid boolean",
            "on date",
            "at timestamptz",
            "tags json",
            "note string"
        ]
    );
    assert_eq!(tables[0].key, ["id"]);
}

#[test]
fn declared_types_and_keys_win() {
    let shop = Shop::with(options(
        r#"{"keys": {"t": ["a", "b"]}, "columns": {"t": {"b": "decimal(20,0)", "c": "array(bigint)"}}}"#,
    ));
    shop.write("t.jsonl", "{\"a\":1,\"b\":18446744073709551615,\"c\":[1,2]}\n");
    let mut driver = shop.driver();
    let table = driver.source.get_schema("shop").unwrap().remove(0);
    assert_eq!(table.key, ["a", "b"]);
    let b = Column::new("b", ColumnType::Decimal { precision: 20, scale: 0 });
    assert!(table.columns.contains(&b));
    let start = driver.position().unwrap();
    let read = driver.snapshot("t", &start, 1).unwrap();
    assert_eq!(read.column("t", "b"), ["18446744073709551615"]);
    assert_eq!(read.column("t", "c"), ["[1,2]"]);
}

#[test]
fn a_snapshot_ends_exactly_where_the_stream_begins() {
    for (name, header) in [("t.ndjson", ""), ("t.csv", "id,note\n")] {
        let line = |id: usize| match header {
            "" => format!("{{\"id\":{id},\"note\":\"a\\nb\"}}\n"),
            _ => format!("{id},\"a\nb\"\n"),
        };
        let lines = |ids: std::ops::Range<usize>| ids.map(line).collect::<String>();
        let shop = Shop::new();
        let partial = line(10);
        shop.write(name, format!("{header}{}{}", lines(0..10), &partial[..partial.len() - 3]));
        let mut driver = shop.driver().limits(rows_at_a_time(3));
        let start = driver.position().unwrap();
        shop.append(name, &partial[partial.len() - 3..]);
        shop.append(name, lines(11..15));
        let ids =
            |range: std::ops::Range<usize>| range.map(|id| id.to_string()).collect::<Vec<_>>();
        for chunks in [1, 4] {
            let read = shop.driver().snapshot("t", &start, chunks).unwrap();
            assert_eq!(read.column("t", "id"), ids(0..10), "{name}");
        }
        assert_eq!(driver.changes(&start).unwrap().column("t", "id"), ids(10..15), "{name}");
    }
}

#[test]
fn large_files_are_read_in_chunks_that_meet() {
    let shop = Shop::new();
    let filler = "x".repeat(200);
    let lines: String =
        (0..120_000).map(|id| format!("{{\"id\":{id},\"note\":\"{filler}\"}}\n")).collect();
    shop.write("t.ndjson", lines);
    let mut driver = shop.driver();
    let start = driver.position().unwrap();
    let chunks = driver.source.plan_snapshot("shop", "t", &start, 3).unwrap();
    assert_eq!(chunks.len(), 3);
    let again = shop.source().plan_snapshot("shop", "t", &start, 3).unwrap();
    assert_eq!(chunks, again);
    let ids = driver.snapshot("t", &start, 3).unwrap().column("t", "id");
    assert_eq!(ids.len(), 120_000);
    assert!(ids.iter().enumerate().all(|(at, id)| *id == at.to_string()));
}

#[test]
fn a_chunk_goes_on_after_its_file_was_renamed() {
    let shop = Shop::new();
    shop.write("t.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    let mut source = shop.source();
    let start = source.current_position("shop").unwrap();
    let chunks = source.plan_snapshot("shop", "t", &start, 1).unwrap();
    let one = rows_at_a_time(1);
    let first = source.get_full_snapshot("shop", "t", &chunks[0], None, one).unwrap();
    shop.rename("t.ndjson", "t.ndjson.1");
    shop.write("t.ndjson", "{\"id\":9}\n");
    let cursor = first.next_cursor.unwrap();
    let second = source.get_full_snapshot("shop", "t", &chunks[0], Some(&cursor), one).unwrap();
    assert_eq!(second.rows.unwrap().value(0, 0).to_string(), "2");
    assert_eq!(second.next_cursor, None);
    shop.write("t.ndjson.1", "{\"id\":7}\n");
    let failure = source.get_full_snapshot("shop", "t", &chunks[0], None, one).unwrap_err();
    assert_eq!((failure.action.as_str(), failure.code.as_str()), ("resync", "file-truncated"));
}

#[test]
fn rows_that_cannot_travel_become_dead_letters_with_their_place() {
    let deep = format!("{{\"id\":1,\"n\":{}}}", "[".repeat(5000));
    let cases: &[(&[u8], &str)] = &[
        (b"{\"id\":\"one\"}", "type-conversion"),
        (b"{\"id\":1.5}", "type-conversion"),
        (b"{\"id\":9223372036854775808}", "type-conversion"),
        (b"not json", "malformed-row"),
        (b"[1]", "malformed-row"),
        (b"{\"id\":1", "malformed-row"),
        (b"{\"id\":1,\"note\":\"\xff\xfe\"}", "malformed-row"),
        (b"\0\0\0", "malformed-row"),
        (deep.as_bytes(), "malformed-row"),
        (b"{\"id\":\"007\"}", "type-conversion"),
    ];
    for (bad, code) in cases {
        let shop = Shop::with(options(r#"{"sample_rows": 2}"#));
        let good = b"{\"id\":1,\"note\":\"a\"}\n\n{\"id\":2}\n";
        shop.write("t.ndjson", [good, *bad, b"\n{\"id\":3}\n"].concat());
        let mut driver = shop.driver();
        let start = driver.position().unwrap();
        let read = driver.snapshot("t", &start, 1).unwrap();
        let shown = String::from_utf8_lossy(bad);
        assert_eq!(read.column("t", "id"), ["1", "2", "3"], "{shown}");
        assert_eq!(read.rejected.len(), 1, "{shown}");
        let letter = &read.rejected[0];
        assert_eq!((letter.code.as_str(), letter.origin.as_str()), (*code, "shop/t.ndjson:4"));
        assert_eq!(letter.payload, shown);
    }
}

#[test]
fn an_endless_line_is_cut_and_the_next_one_is_read() {
    for name in ["t.ndjson", "t.csv"] {
        let shop = Shop::new();
        let (header, first, last) = if name == "t.csv" {
            ("id\n", "1\n", "2\n")
        } else {
            ("", "{\"id\":1}\n", "{\"id\":2}\n")
        };
        shop.write(name, format!("{header}{first}\"{}\n{last}", "x".repeat(17 << 20)));
        let mut driver = shop.driver();
        let start = driver.position().unwrap();
        let read = driver.snapshot("t", &start, 1).unwrap();
        assert_eq!(read.column("t", "id"), ["1", "2"], "{name}");
        assert_eq!(read.rejected.len(), 1);
        assert_eq!(read.rejected[0].payload.len(), 1 << 20);
    }
}

#[test]
fn csv_has_headers_quotes_and_nulls() {
    let shop = Shop::with(options(r#"{"csv": {"delimiter": ";", "null": "NULL"}}"#));
    shop.write(
        "t.csv",
        "\u{feff}id;zip;note\r\n1;00123;\"a;\"\"b\"\"\nc\"\r\n2;NULL;\"NULL\"\r\n3;x\r\n",
    );
    let mut driver = shop.driver();
    let start = driver.position().unwrap();
    let read = driver.snapshot("t", &start, 1).unwrap();
    assert_eq!(read.column("t", "id"), ["1", "2"]);
    assert_eq!(read.column("t", "zip"), ["00123", "null"]);
    assert_eq!(read.column("t", "note"), ["a;\"b\"\nc", "NULL"]);
    assert_eq!(read.rejected[0].code, "malformed-row");

    let shop = Shop::with(options(r#"{"csv": {"header": false}}"#));
    shop.write("t.csv", "1,a\n2,b\n");
    let mut driver = shop.driver();
    let start = driver.position().unwrap();
    assert_eq!(driver.snapshot("t", &start, 1).unwrap().column("t", "column_2"), ["a", "b"]);
}

#[test]
fn a_column_beyond_the_sample_widens_the_snapshot() {
    let shop = Shop::with(options(r#"{"sample_rows": 1}"#));
    shop.write("t.ndjson", "{\"id\":1}\n{\"id\":2,\"note\":\"x\"}\n{\"id\":3}\n");
    let mut driver = shop.driver();
    let start = driver.position().unwrap();
    let read = driver.snapshot("t", &start, 1).unwrap();
    assert_eq!(read.column("t", "note"), ["null", "x", "null"]);
    assert_eq!(read.batches.len(), 2);
}

#[test]
fn what_a_person_must_repair_is_a_config_failure() {
    let shop = Shop::new();
    for (schema, code) in [("absent", "not-found"), ("../shop", "invalid-schema-name")] {
        let failure = shop.source().get_schema(schema).unwrap_err();
        assert_eq!((failure.action.as_str(), failure.code.as_str()), ("config", code));
    }
    for (json, key) in [
        (r#"{"columns": {"t": {"a": "number"}}}"#, "`options.columns.t.a`"),
        (r#"{"csv": {"delimiter": "ab"}}"#, "`options.csv.delimiter`"),
    ] {
        let read = parse_options::<Options>(json).and_then(|options| options.check());
        assert_failure(read, "config", "invalid-options", &[key]);
    }
    assert!(serde_json::from_str::<Options>(r#"{"key": {}}"#).is_err());
}

//! Batches survive the wire, and hostile bytes are a failure rather than a panic.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use cartridge_warp_sdk::wire::{Decoder, EncodedRows, Encoder, decode_schema, encode_schema};
use cartridge_warp_sdk::{Column, ColumnType, Operation, Table, TableRows, TableWriter, Value};

fn every_type() -> Table {
    let types = [
        "string",
        "integer",
        "bigint",
        "float",
        "double",
        "decimal(10,2)",
        "decimal(60,5)",
        "boolean",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "uuid",
        "json",
        "binary",
        "array(bigint)",
        "array(array(string))",
    ];
    let column = |name: &str| Column::new(name, name.parse().unwrap());
    types.iter().fold(Table::new("every"), |table, name| table.with(column(name)))
}

fn rows() -> TableRows {
    let mut writer = TableWriter::changes(&every_type());
    let texts = [
        "é",
        "-7",
        "9223372036854775807",
        "1.5",
        "-0.1",
        "12.5",
        "-123456789012345678901234567890.5",
        "true",
        "2024-02-29",
        "23:59:59.000001",
        "1969-12-31 23:59:59.9",
        "2024-05-01T12:00:00+02:00",
        "123e4567-e89b-12d3-a456-426614174000",
        "{\"a\":[1]}",
    ];
    let mut row = writer.row(Operation::Update);
    for (column, text) in texts.iter().enumerate() {
        row.set(column, *text).unwrap();
    }
    row.set("binary", &b"\0\xff"[..]).unwrap();
    row.set("array(bigint)", Value::List(vec![Value::I64(1), Value::Null])).unwrap();
    row.set_json("array(array(string))", &serde_json::json!([["a"], null, []])).unwrap();
    row.at(5).commit();
    let mut row = writer.row(Operation::Delete);
    row.set("bigint", 3).unwrap();
    row.unchanged("string").unwrap();
    row.unchanged("boolean").unwrap();
    row.commit();
    writer.finish().unwrap()
}

fn texts(rows: &TableRows, row: usize) -> Vec<String> {
    (0..rows.columns().len()).map(|column| rows.value(row, column).to_string()).collect()
}

#[test]
fn every_type_comes_back_as_it_went() {
    let encoded = Encoder::default().encode(&rows()).unwrap();
    let back = Decoder::default().decode(encoded).unwrap();
    assert_eq!(back.columns(), every_type().columns);
    assert_eq!(
        texts(&back, 0),
        [
            "é",
            "-7",
            "9223372036854775807",
            "1.5",
            "-0.1",
            "12.50",
            "-123456789012345678901234567890.50000",
            "true",
            "2024-02-29",
            "23:59:59.000001",
            "1969-12-31T23:59:59.9",
            "2024-05-01T10:00:00Z",
            "123e4567-e89b-12d3-a456-426614174000",
            "{\"a\":[1]}",
            "00ff",
            "[1,null]",
            "[[\"a\"],null,[]]",
        ]
    );
    assert_eq!((back.op(0), back.timestamp(0)), (Operation::Update, Some(5)));
    assert_eq!((back.op(1), back.timestamp(1)), (Operation::Delete, None));
    assert!(back.is_unchanged(1, 0) && back.is_unchanged(1, 7) && !back.is_unchanged(1, 1));
    assert!(!back.is_unchanged(0, 0) && back.may_be_unchanged() && !back.all_inserts());
}

#[test]
fn a_schema_is_sent_once_and_metadata_survives() {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    let table = Table::new("t")
        .with(Column::new("id", ColumnType::BigInt).required())
        .with(Column::new("n", ColumnType::String).origin("numeric(100,2)"));
    for step in 0..3 {
        let mut writer = TableWriter::inserts(&table);
        writer.push(Operation::Insert, [Value::I64(step), Value::Str("1")]).unwrap();
        let encoded = encoder.encode(&writer.finish().unwrap()).unwrap();
        assert_eq!(encoded.arrow_schema.is_some(), step == 0);
        assert_eq!(encoded.rows.len() % 8, 0);
        assert_eq!(decoder.decode(encoded).unwrap().columns(), table.columns);
    }
    let message = encode_schema(&table.to_schema()).unwrap();
    let back = Table::from_schema("t", &decode_schema(&message).unwrap(), vec![]).unwrap();
    assert_eq!(back, table);
}

#[test]
fn values_that_do_not_fit_are_refused_and_leave_no_trace() {
    let cases: [(&str, Value<'_>); 16] = [
        ("integer", Value::I64(1 << 40)),
        ("bigint", Value::Str("9223372036854775808")),
        ("bigint", Value::F64(1.5)),
        ("double", Value::I64((1 << 53) + 1)),
        ("double", Value::Str("1e999")),
        ("float", Value::F64(1e300)),
        ("decimal(10,2)", Value::Str("1.005")),
        ("decimal(10,2)", Value::Str("123456789.00")),
        ("decimal(10,2)", Value::Str("1e100")),
        ("boolean", Value::Str("yes")),
        ("date", Value::Str("2023-02-29")),
        ("timestamp", Value::Str("2024-05-01T00:00:00Z")),
        ("uuid", Value::Str("123e4567")),
        ("json", Value::Str("{")),
        ("binary", Value::Str("text")),
        ("array(bigint)", Value::List(vec![Value::I64(1), Value::Str("x")])),
    ];
    let mut writer = TableWriter::inserts(&every_type());
    for (column, value) in cases {
        let mut row = writer.row(Operation::Insert);
        row.set("string", "before").unwrap();
        let error = row.set(column, value.clone()).unwrap_err();
        assert_eq!(error.column, column, "{value:?}");
        drop(row);
        assert_eq!((writer.len(), writer.bytes()), (0, 0), "{column} {value:?}");
    }
    let mut row = writer.row(Operation::Insert);
    row.set("string", "first").unwrap();
    row.set("string", "second").unwrap();
    row.commit();
    assert_eq!(texts(&writer.finish().unwrap(), 0)[0], "second");
}

#[test]
fn damaged_bytes_never_panic() {
    let encoded = Encoder::default().encode(&rows()).unwrap();
    let schema = encoded.arrow_schema.clone();
    let try_decode = |rows: Vec<u8>| {
        let encoded = EncodedRows { rows, arrow_schema: schema.clone(), ..encoded.clone() };
        Decoder::default().decode(encoded)
    };
    for end in 0..encoded.rows.len() {
        assert!(try_decode(encoded.rows[..end].to_vec()).is_err(), "cut at {end}");
    }
    for at in 0..encoded.rows.len() {
        for value in [0, 1, 2, 5, 8, 0x7f, 0x80, 0xfe, 0xff] {
            let mut bytes = encoded.rows.clone();
            bytes[at] = value;
            // Some changes are other valid rows; those must be readable, too.
            if let Ok(rows) = try_decode(bytes) {
                (0..rows.len()).for_each(|row| drop(texts(&rows, row)));
            }
        }
    }
    let message = schema.clone().unwrap();
    for at in 0..message.len() {
        let mut bytes = message.clone();
        bytes[at] ^= 0xff;
        let encoded = EncodedRows { arrow_schema: Some(bytes), ..encoded.clone() };
        drop(Decoder::default().decode(encoded));
    }
}

#[test]
fn what_a_batch_claims_is_checked() {
    let encoded = Encoder::default().encode(&rows()).unwrap();
    let cases = [
        ("no schema", EncodedRows { arrow_schema: None, ..encoded.clone() }),
        ("row count", EncodedRows { row_count: 3, ..encoded.clone() }),
    ];
    for (case, encoded) in cases {
        let failure = Decoder::default().decode(encoded).unwrap_err();
        assert_eq!(failure.code, "malformed-batch", "{case}");
    }
}

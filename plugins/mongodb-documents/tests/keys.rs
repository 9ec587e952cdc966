//! `_id`: what MongoDB holds for equal is one key, and nothing else is.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, RawBson, RawDocumentBuf, Timestamp, doc, rawdoc};
use cartridge_warp_sdk::{Action, Operation};
use mongodb_documents::{IdType, Pushed, Rows, Shape, bson};
use support::{COLUMNS, cell, push, shape};

fn with_id(id: Bson) -> RawDocumentBuf {
    rawdoc! { "_id": RawBson::try_from(id).unwrap() }
}

fn oid(byte: u8) -> Bson {
    Bson::ObjectId(ObjectId::from_bytes([byte; 12]))
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().unwrap())
}

fn uuid(byte: u8) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![byte; 16] })
}

fn keys(id_type: IdType, ids: &[Bson]) -> Vec<String> {
    let mut rows = Rows::inserts(Shape::new("things", COLUMNS, id_type));
    for id in ids {
        push(&mut rows, &with_id(id.clone())).unwrap();
    }
    let rows = rows.finish().unwrap();
    (0..ids.len()).map(|row| cell(&rows, row, "_id").unwrap()).collect()
}

#[test]
fn ids_of_one_type_have_its_column() {
    let cases = [
        (
            vec![oid(1), oid(2)],
            "string [mongodb:objectId]",
            vec!["010101010101010101010101", "020202020202020202020202"],
        ),
        (vec![Bson::String("a".into()), Bson::Symbol("b".into())], "string", vec!["a", "b"]),
        (
            vec![Bson::Int32(1), Bson::Int64(i64::MAX), Bson::Double(-0.0), decimal("2.00")],
            "bigint",
            vec!["1", "9223372036854775807", "0", "2"],
        ),
        (vec![uuid(3)], "uuid", vec!["03030303-0303-0303-0303-030303030303"]),
        (
            vec![Bson::Document(doc! { "b": 1_i64, "a": "x" }), Bson::Null, Bson::Boolean(true)],
            "string [mongodb:json]",
            vec![r#"{"b":1,"a":"x"}"#, "null", "true"],
        ),
        (
            vec![Bson::DateTime(DateTime::from_millis(0)), Bson::MinKey],
            "string [mongodb:json]",
            vec![r#"{"$date":{"$numberLong":"0"}}"#, r#"{"$minKey":1}"#],
        ),
    ];
    for (ids, column, values) in cases {
        let expect: Vec<_> = values.iter().map(|value| format!("{column} {value}")).collect();
        assert_eq!(keys(IdType::Auto, &ids), expect);
    }
}

/// Groups of `_id`s that are one in MongoDB; those of different groups are not.
fn groups() -> Vec<Vec<Bson>> {
    let binary = |subtype, bytes: &[u8]| Bson::Binary(Binary { subtype, bytes: bytes.to_vec() });
    let timestamp = Bson::Timestamp(Timestamp { time: 0, increment: 1 });
    vec![
        vec![Bson::Int32(1), Bson::Int64(1), Bson::Double(1.0), decimal("1"), decimal("1.00")],
        vec![Bson::Int32(0), Bson::Double(-0.0), decimal("-0E+10"), decimal("0.000")],
        vec![Bson::Double(0.5), decimal("0.5"), decimal("5E-1")],
        vec![Bson::Double(0.1)],
        vec![decimal("0.1"), decimal("0.10")],
        vec![Bson::Int64(9_007_199_254_740_993)],
        vec![Bson::Double(9_007_199_254_740_992.0), Bson::Int64(9_007_199_254_740_992)],
        vec![Bson::Double(1e23), decimal("99999999999999991611392")],
        vec![decimal("1E+23")],
        vec![Bson::Double(1e300)],
        vec![decimal("1E+300")],
        vec![Bson::Double(f64::NAN), decimal("NaN"), Bson::Double(-f64::NAN)],
        vec![Bson::Double(f64::INFINITY), decimal("Infinity")],
        vec![Bson::Double(f64::NEG_INFINITY), decimal("-Infinity")],
        vec![Bson::String("1".into()), Bson::Symbol("1".into())],
        vec![Bson::String("010101010101010101010101".into())],
        vec![oid(1)],
        vec![Bson::String(r#"{"$oid":"010101010101010101010101"}"#.into())],
        vec![Bson::Document(doc! { "$oid": "020202020202020202020202" })],
        vec![oid(2)],
        vec![uuid(1)],
        vec![binary(BinarySubtype::UuidOld, &[1; 16])],
        vec![binary(BinarySubtype::Generic, &[1; 16])],
        vec![Bson::DateTime(DateTime::from_millis(1))],
        vec![timestamp],
        vec![Bson::Int64(4_294_967_296)],
        vec![Bson::Boolean(true)],
        vec![Bson::String("true".into())],
        vec![Bson::Null],
        vec![Bson::Undefined],
        vec![Bson::String("null".into())],
        vec![Bson::String(String::new())],
        vec![Bson::Document(doc! {})],
        vec![
            Bson::Document(doc! { "a": 1, "b": 2 }),
            Bson::Document(doc! { "a": 1.0, "b": 2_i64 }),
        ],
        vec![Bson::Document(doc! { "b": 2, "a": 1 })],
        vec![Bson::Document(doc! { "a": [1, 2.0] }), Bson::Document(doc! { "a": [1_i64, 2] })],
        vec![Bson::Document(doc! { "a": { "0": 1, "1": 2 } })],
        vec![Bson::MinKey],
        vec![Bson::MaxKey],
        vec![Bson::JavaScriptCode("x".into())],
    ]
}

#[test]
fn as_json_equal_ids_are_one_key_and_others_are_not() {
    let mut seen = std::collections::HashMap::new();
    for group in groups() {
        let texts = keys(IdType::Json, &group);
        assert!(texts.iter().all(|text| *text == texts[0]), "{group:?}: {texts:?}");
        let other = seen.insert(texts[0].clone(), group.clone());
        assert_eq!(other, None, "{group:?} has the key {}", texts[0]);
    }
}

#[test]
fn an_id_of_another_type_is_a_failure_that_says_what_to_set() {
    let ids = [oid(1), Bson::String("a".into()), Bson::Int32(1), uuid(1), Bson::Null];
    for first in &ids {
        for second in ids.iter().filter(|second| *second != first) {
            for operation in [Operation::Update, Operation::Delete] {
                let mut rows = Rows::changes(shape(COLUMNS));
                push(&mut rows, &with_id(first.clone())).unwrap();
                let failure = rows.push(operation, &with_id(second.clone()), None).unwrap_err();
                assert_eq!((failure.action, failure.code.as_str()), (Action::Config, "mixed-ids"));
                assert!(failure.message.contains("options.id_type"), "{failure}");
                assert!(failure.message.contains("--full-resync"), "{failure}");
            }
        }
    }
    let mut shape = shape(COLUMNS);
    assert!(shape.observe_id(with_id(Bson::Int32(1)).get("_id").unwrap().unwrap()).unwrap());
    assert!(!shape.observe_id(with_id(Bson::Double(2.0)).get("_id").unwrap().unwrap()).unwrap());
    let broken = with_id(Bson::Double(1.5));
    assert!(shape.observe_id(broken.get("_id").unwrap().unwrap()).is_err(), "no integer");
}

#[test]
fn a_delete_needs_the_key_alone_and_has_the_key_of_the_insert() {
    let mut rows = Rows::changes(shape(COLUMNS));
    push(&mut rows, &rawdoc! { "_id": 1, "a": "x" }).unwrap();
    let delete = rawdoc! { "_id": 1.0, "shard": "never seen" };
    assert!(matches!(rows.push(Operation::Delete, &delete, Some(7)).unwrap(), Pushed::Row));
    rows.truncate(Some(8));
    let rows = rows.finish().unwrap();
    let operations: Vec<_> = (0..rows.len()).map(|row| rows.op(row)).collect();
    assert_eq!(operations, [Operation::Insert, Operation::Delete, Operation::Truncate]);
    assert_eq!(cell(&rows, 0, "_id"), cell(&rows, 1, "_id"));
    assert_eq!(cell(&rows, 1, "a").unwrap(), "string null");
    assert_eq!((rows.timestamp(1), rows.timestamp(2)), (Some(7), Some(8)));

    // The first thing heard of a collection may be a delete.
    let mut rows = Rows::changes(shape(COLUMNS));
    let outcome = rows.push(Operation::Delete, &with_id(oid(1)), None).unwrap();
    assert!(matches!(outcome, Pushed::Row));
    let letter = rows.push(Operation::Delete, &rawdoc! { "x": 1 }, None).unwrap();
    assert!(matches!(letter, Pushed::Rejected(letter) if letter.code == "no-id"));
}

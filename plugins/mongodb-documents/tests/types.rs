//! Every type of BSON: in a column of its own, in JSON, beside other types, and from the wire.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, JavaScriptCodeWithScope, Regex, Timestamp, doc, rawdoc};
use mongodb_documents::{Mode, bson};
use support::{COLUMNS, cell, document, field, id, row, rows, text, wire};

fn oid() -> ObjectId {
    ObjectId::parse_str("65a1b2c3d4e5f60718293a4b").unwrap()
}

fn binary(subtype: BinarySubtype, bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype, bytes: bytes.to_vec() })
}

fn moment(millis: i64) -> Bson {
    Bson::DateTime(DateTime::from_millis(millis))
}

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse().unwrap())
}

/// The value; how its own column reads; how it reads inside of JSON.
type Case = (Bson, &'static str, &'static str);

fn cases() -> Vec<Case> {
    [plain(), moments(), bytes(), others()].concat()
}

fn plain() -> Vec<Case> {
    vec![
        (Bson::Int32(-7), "integer -7", "-7"),
        (Bson::Int64(i64::MIN), "bigint -9223372036854775808", "-9223372036854775808"),
        (Bson::Double(0.1), "double 0.1", "0.1"),
        (Bson::Double(1.0), "double 1", "1.0"),
        (Bson::Double(-0.0), "double -0", "-0.0"),
        (Bson::Double(f64::NAN), "double NaN", r#"{"$numberDouble":"NaN"}"#),
        (Bson::Double(f64::INFINITY), "double inf", r#"{"$numberDouble":"Infinity"}"#),
        (Bson::Double(f64::NEG_INFINITY), "double -inf", r#"{"$numberDouble":"-Infinity"}"#),
        (Bson::Boolean(true), "boolean true", "true"),
        (Bson::String("a\"ü\u{1}".into()), "string a\"ü\u{1}", "\"a\\\"ü\\u0001\""),
        (Bson::String("a\0b".into()), "string a\0b", "\"a\\u0000b\""),
        (Bson::String(String::new()), "string ", "\"\""),
        (
            Bson::ObjectId(oid()),
            "string [mongodb:objectId] 65a1b2c3d4e5f60718293a4b",
            r#"{"$oid":"65a1b2c3d4e5f60718293a4b"}"#,
        ),
        (decimal("1.10"), "string [mongodb:decimal] 1.10", r#"{"$numberDecimal":"1.10"}"#),
        (
            decimal("-9.999999999999999999999999999999999E+6144"),
            "string [mongodb:decimal] -9.999999999999999999999999999999999E+6144",
            r#"{"$numberDecimal":"-9.999999999999999999999999999999999E+6144"}"#,
        ),
        (decimal("NaN"), "string [mongodb:decimal] NaN", r#"{"$numberDecimal":"NaN"}"#),
        (
            decimal("-Infinity"),
            "string [mongodb:decimal] -Infinity",
            r#"{"$numberDecimal":"-Infinity"}"#,
        ),
    ]
}

fn moments() -> Vec<Case> {
    vec![
        (moment(0), "timestamptz 1970-01-01T00:00:00Z", r#"{"$date":"1970-01-01T00:00:00Z"}"#),
        (
            moment(1_714_557_600_120),
            "timestamptz 2024-05-01T10:00:00.12Z",
            r#"{"$date":"2024-05-01T10:00:00.120Z"}"#,
        ),
        (moment(-1), "timestamptz 1969-12-31T23:59:59.999Z", r#"{"$date":{"$numberLong":"-1"}}"#),
        (
            moment(253_402_300_800_000),
            "timestamptz 10000-01-01T00:00:00Z",
            r#"{"$date":{"$numberLong":"253402300800000"}}"#,
        ),
    ]
}

fn bytes() -> Vec<Case> {
    let uuid: Vec<u8> = (0..16).collect();
    vec![
        (
            binary(BinarySubtype::Uuid, &uuid),
            "uuid 00010203-0405-0607-0809-0a0b0c0d0e0f",
            r#"{"$binary":{"base64":"AAECAwQFBgcICQoLDA0ODw==","subType":"04"}}"#,
        ),
        (
            binary(BinarySubtype::UuidOld, &uuid),
            "binary [mongodb:binData(3)] 000102030405060708090a0b0c0d0e0f",
            r#"{"$binary":{"base64":"AAECAwQFBgcICQoLDA0ODw==","subType":"03"}}"#,
        ),
        (
            binary(BinarySubtype::Uuid, &[1, 2]),
            "binary [mongodb:binData(4)] 0102",
            r#"{"$binary":{"base64":"AQI=","subType":"04"}}"#,
        ),
        (
            binary(BinarySubtype::BinaryOld, &[1, 2]),
            "binary [mongodb:binData(2)] 0102",
            r#"{"$binary":{"base64":"AQI=","subType":"02"}}"#,
        ),
        (
            binary(BinarySubtype::UserDefined(0x81), &[]),
            "binary [mongodb:binData(129)] ",
            r#"{"$binary":{"base64":"","subType":"81"}}"#,
        ),
    ]
}

fn others() -> Vec<Case> {
    let regex = Regex { pattern: "^a/\"".try_into().unwrap(), options: "ix".try_into().unwrap() };
    let scoped = JavaScriptCodeWithScope { code: "f()".into(), scope: doc! { "n": 1 } };
    vec![
        (Bson::Symbol("s".into()), "string [mongodb:symbol] s", r#"{"$symbol":"s"}"#),
        (
            Bson::RegularExpression(regex),
            r#"json {"$regularExpression":{"pattern":"^a/\"","options":"ix"}}"#,
            r#"{"$regularExpression":{"pattern":"^a/\"","options":"ix"}}"#,
        ),
        (
            Bson::Timestamp(Timestamp { time: 4_000_000_000, increment: 2 }),
            r#"json {"$timestamp":{"t":4000000000,"i":2}}"#,
            r#"{"$timestamp":{"t":4000000000,"i":2}}"#,
        ),
        (Bson::MinKey, r#"json {"$minKey":1}"#, r#"{"$minKey":1}"#),
        (Bson::MaxKey, r#"json {"$maxKey":1}"#, r#"{"$maxKey":1}"#),
        (Bson::Undefined, r#"json {"$undefined":true}"#, r#"{"$undefined":true}"#),
        (Bson::JavaScriptCode("f()".into()), r#"json {"$code":"f()"}"#, r#"{"$code":"f()"}"#),
        (
            Bson::JavaScriptCodeWithScope(scoped),
            r#"json {"$code":"f()","$scope":{"n":1}}"#,
            r#"{"$code":"f()","$scope":{"n":1}}"#,
        ),
        (Bson::Document(doc! {}), "json {}", "{}"),
        (Bson::Array(vec![]), "json []", "[]"),
        (
            Bson::Document(doc! { "a.b": 1, "$c": [1, "x", Bson::Null], "": { "d": 2 } }),
            r#"json {"a.b":1,"$c":[1,"x",null],"":{"d":2}}"#,
            r#"{"a.b":1,"$c":[1,"x",null],"":{"d":2}}"#,
        ),
        (
            Bson::Array(vec![Bson::Int32(1), Bson::Document(doc! { "a": [[]] })]),
            r#"json [1,{"a":[[]]}]"#,
            r#"[1,{"a":[[]]}]"#,
        ),
    ]
}

#[test]
fn each_type_has_a_column_of_its_own() {
    for (value, expect, _) in cases() {
        let rows =
            row(COLUMNS, &rawdoc! { "_id": 1, "v": bson::RawBson::try_from(value).unwrap() });
        assert_eq!(cell(&rows.unwrap(), 0, "v").unwrap(), expect);
    }
}

#[test]
fn each_type_is_extended_json_inside_of_documents_and_arrays() {
    for (value, _, expect) in cases() {
        let value = bson::RawBson::try_from(value).unwrap();
        let nested = rawdoc! { "_id": 1, "v": { "x": value.clone(), "y": [value.clone()] } };
        let expect = format!(r#"{{"x":{expect},"y":[{expect}]}}"#);
        let rows = row(COLUMNS, &nested).unwrap();
        assert_eq!(cell(&rows, 0, "v").unwrap(), format!("json {expect}"));
        let whole = row(Mode::Document, &nested).unwrap();
        let document = format!(r#"json {{"_id":1,"v":{expect}}}"#);
        assert_eq!(cell(&whole, 0, "document").unwrap(), document);
        assert_eq!(whole.columns().len(), 2);
    }
}

#[test]
fn the_library_reads_the_same_value_back() {
    for (value, _, _) in cases() {
        let array = Bson::Array(vec![value.clone()]);
        let document = rawdoc! { "_id": 1, "v": bson::RawBson::try_from(array.clone()).unwrap() };
        let json = cell(&row(COLUMNS, &document).unwrap(), 0, "v").unwrap();
        let json: serde_json::Value = serde_json::from_str(&json["json ".len()..]).unwrap();
        let back = Bson::try_from(json).unwrap();
        let is_nan = |bson: &Bson| format!("{bson:?}").contains("NaN");
        assert!(
            back == array || is_nan(&back) && is_nan(&array),
            "{array:?} came back as {back:?}"
        );
    }
}

#[test]
fn null_is_no_column_until_there_is_a_value() {
    let null = row(COLUMNS, &rawdoc! { "_id": 1, "v": null }).unwrap();
    assert_eq!(null.columns().len(), 1);
    let both = rows(COLUMNS, &[rawdoc! { "_id": 1, "v": null }, rawdoc! { "_id": 2, "v": 5 }]);
    assert_eq!(cell(&both, 0, "v").unwrap(), "integer null");
    assert_eq!(cell(&both, 1, "v").unwrap(), "integer 5");
}

#[test]
fn fields_of_more_than_one_type_have_the_narrowest_type_that_holds_all() {
    let (string, uuid) = (Bson::String("x".into()), binary(BinarySubtype::Uuid, &[7; 16]));
    let scalars = [
        (Bson::Int32(5), "5", "5"),
        (Bson::Int64(5), "5", "5"),
        (Bson::Double(1.5), "1.5", "1.5"),
        (Bson::Double(2.0), "2.0", "2.0"),
        (Bson::Double(-1e300), "-1e300", "-1e300"),
        (Bson::Double(1.5e-7), "1.5e-7", "1.5e-7"),
        (Bson::Double(f64::NAN), "NaN", "\"NaN\""),
        (Bson::Double(f64::NEG_INFINITY), "-Infinity", "\"-Infinity\""),
        (Bson::Boolean(false), "false", "false"),
        (string.clone(), "x", "\"x\""),
        (Bson::Symbol("s".into()), "s", "\"s\""),
        (Bson::ObjectId(oid()), "65a1b2c3d4e5f60718293a4b", "\"65a1b2c3d4e5f60718293a4b\""),
        (decimal("1.10"), "1.10", "\"1.10\""),
        (moment(120), "1970-01-01T00:00:00.120Z", "\"1970-01-01T00:00:00.120Z\""),
        (moment(-1), "1969-12-31T23:59:59.999Z", "\"1969-12-31T23:59:59.999Z\""),
        (moment(8_640_000_000_000_000), "+275760-09-13T00:00:00Z", "\"+275760-09-13T00:00:00Z\""),
        (moment(-62_198_755_200_000), "-0001-01-01T00:00:00Z", "\"-0001-01-01T00:00:00Z\""),
        (uuid, "07070707-0707-0707-0707-070707070707", "\"07070707-0707-0707-0707-070707070707\""),
        (binary(BinarySubtype::Generic, &[1, 0xff]), "01ff", "\"01ff\""),
    ];
    for (value, as_text, as_json) in scalars {
        let kind = bson::RawBson::try_from(value).unwrap();
        // `{}` makes it JSON; two strings or a string and something else make it text.
        for (other, column, expect) in
            [(Bson::Document(doc! {}), "json", as_json), (string.clone(), "string", as_text)]
        {
            let other = bson::RawBson::try_from(other).unwrap();
            let both = rows(
                COLUMNS,
                &[rawdoc! { "_id": 1, "v": kind.clone() }, rawdoc! { "_id": 2, "v": other }],
            );
            assert_eq!(cell(&both, 0, "v").unwrap(), format!("{column} {expect}"));
        }
    }
}

#[test]
fn numbers_widen_only_where_nothing_is_lost() {
    let cases = [
        (vec![Bson::Int32(1), Bson::Int64(2)], "bigint"),
        (vec![Bson::Int32(1), Bson::Double(2.5)], "double"),
        (vec![Bson::Int64(1), Bson::Double(2.5)], "string"),
        (vec![Bson::Int32(1), Bson::Int64(1), Bson::Double(2.5)], "string"),
        (vec![Bson::Int32(1), Bson::Boolean(true)], "string"),
        (vec![Bson::ObjectId(oid()), Bson::String("x".into())], "string"),
        (vec![Bson::Int32(1), Bson::MinKey], "json"),
        (vec![Bson::Int32(1), Bson::Array(vec![])], "json"),
        (
            vec![binary(BinarySubtype::Generic, &[1]), binary(BinarySubtype::Md5, &[2])],
            "binary [mongodb:binData]",
        ),
    ];
    for (values, expect) in cases {
        let documents = (0..).zip(values).map(|(id, value)| {
            rawdoc! { "_id": id, "v": bson::RawBson::try_from(value).unwrap() }
        });
        let documents: Vec<_> = documents.collect();
        let found = cell(&rows(COLUMNS, &documents), 0, "v").unwrap();
        assert_eq!(found[..found.rfind(' ').unwrap()], *expect, "{documents:?}");
    }
}

#[test]
fn old_types_are_read_from_the_wire() {
    let pointer = [text(b"db.c"), (1..=12).collect()].concat();
    for (kind, value, expect) in [
        (0x06_u8, vec![], r#"json {"$undefined":true}"#),
        (
            0x0c,
            pointer,
            r#"json {"$dbPointer":{"$ref":"db.c","$id":{"$oid":"0102030405060708090a0b0c"}}}"#,
        ),
        (0x0e, text(b"s"), "string [mongodb:symbol] s"),
        (0x0d, text(b"f()"), r#"json {"$code":"f()"}"#),
        (0xff, vec![], r#"json {"$minKey":1}"#),
        // Subtype 2 has its length twice.
        (
            0x05,
            [&[6, 0, 0, 0, 2, 2, 0, 0, 0], [1_u8, 2].as_slice()].concat(),
            "binary [mongodb:binData(2)] 0102",
        ),
    ] {
        let bytes = wire(&[&id(), &field(kind, "v", &value)]);
        let rows = row(COLUMNS, document(&bytes)).unwrap();
        assert_eq!(cell(&rows, 0, "v").unwrap(), expect);
    }
}

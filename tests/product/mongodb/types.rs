//! Every type of BSON, odd names and the largest documents, from end to end: by the copy, by an insert
//! and by a replacement in the stream.

use cartridge_warp_test_mongodb::Settings;
use cartridge_warp_test_mongodb::bson::spec::BinarySubtype;
use cartridge_warp_test_mongodb::bson::{
    Binary, Bson, DateTime, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc, oid::ObjectId,
};
use serde_json::Value;

use super::servers::{SCHEMA, Servers};

/// A field of its own: its value, and what PostgreSQL shows in its column.
struct Case(&'static str, Bson, &'static str);

fn cases() -> Vec<Case> {
    let decimal = |text: &str| Bson::Decimal128(text.parse().expect("a decimal"));
    let date = |millis: i64| Bson::DateTime(DateTime::from_millis(millis));
    let binary = |subtype: BinarySubtype, bytes: &[u8]| {
        Bson::Binary(Binary { subtype, bytes: bytes.to_vec() })
    };
    let id = ObjectId::parse_str("65a1b2c3d4e5f60718293a4b").expect("an id");
    let scope = JavaScriptCodeWithScope { code: "f".into(), scope: doc! {"x": 1} };
    vec![
        Case("int32", Bson::Int32(-7), "-7"),
        Case("int64", Bson::Int64(i64::MIN), "-9223372036854775808"),
        Case("double", Bson::Double(0.1), "0.1"),
        Case("nan", Bson::Double(f64::NAN), "NaN"),
        Case("infinity", Bson::Double(f64::NEG_INFINITY), "-Infinity"),
        Case("decimal", decimal("1.10"), "1.10"),
        Case("decimal_nan", decimal("NaN"), "NaN"),
        Case(
            "large",
            decimal("9.999999999999999999999999999999999E+6144"),
            "9.999999999999999999999999999999999E+6144",
        ),
        Case("text", Bson::from("Zoë \"x\" \\ \u{1}"), "Zoë \"x\" \\ \u{1}"),
        Case("symbol", Bson::Symbol("s".into()), "s"),
        Case("id", Bson::ObjectId(id), "65a1b2c3d4e5f60718293a4b"),
        Case("boolean", Bson::Boolean(true), "true"),
        Case("before_1970", date(-1), "1969-12-31 23:59:59.999+00"),
        Case("after_9999", date(253_402_300_800_000), "10000-01-01 00:00:00+00"),
        Case("before_christ", date(-62_198_755_200_000), "0002-01-01 00:00:00+00 BC"),
        Case("uuid", binary(BinarySubtype::Uuid, &[7; 16]), "07070707-0707-0707-0707-070707070707"),
        Case(
            "old_uuid",
            binary(BinarySubtype::UuidOld, &[7; 16]),
            "\\x07070707070707070707070707070707",
        ),
        Case("bytes", binary(BinarySubtype::Generic, &[0, 255]), "\\x00ff"),
        Case(
            "regex",
            Bson::RegularExpression(Regex {
                pattern: "^a".try_into().expect("no NUL"),
                options: "i".try_into().expect("no NUL"),
            }),
            r#"{"$regularExpression":{"pattern":"^a","options":"i"}}"#,
        ),
        Case(
            "timestamp",
            Bson::Timestamp(Timestamp { time: 5, increment: 6 }),
            r#"{"$timestamp":{"t":5,"i":6}}"#,
        ),
        Case("code", Bson::JavaScriptCode("f".into()), r#"{"$code":"f"}"#),
        Case("scope", Bson::JavaScriptCodeWithScope(scope), r#"{"$code":"f","$scope":{"x":1}}"#),
        Case("min", Bson::MinKey, r#"{"$minKey":1}"#),
        Case("max", Bson::MaxKey, r#"{"$maxKey":1}"#),
        Case("undefined", Bson::Undefined, r#"{"$undefined":true}"#),
        Case(
            "nested",
            Bson::from(doc! {"a.b": {"$c": [1, "x", null, date(0), {"": 1}]}}),
            r#"{"a.b":{"$c":[1,"x",null,{"$date":"1970-01-01T00:00:00Z"},{"":1}]}}"#,
        ),
        Case("empty", Bson::from(doc! {}), "{}"),
        // Names: a dot, a dollar, two that differ by case only.
        Case("a.b", Bson::from("dot"), "dot"),
        Case("a$b", Bson::from("dollar"), "dollar"),
        Case("Case", Bson::from("upper"), "upper"),
        Case("case", Bson::from("lower"), "lower"),
    ]
}

fn document(id: i32) -> Document {
    let mut document = doc! {"_id": id};
    document.extend(cases().into_iter().map(|Case(name, value, _)| (name.to_owned(), value)));
    document
}

#[test]
fn every_type_arrives_as_documented_by_copy_insert_and_replacement() {
    let servers = Servers::start(Settings::default());
    servers.source.insert(SCHEMA, "types", &[document(1), doc! {"_id": 3, "int32": 1}]);
    let pipeline = servers.pipeline(&servers.source.url(""));
    let copied = pipeline.catch_up();
    assert!(copied.status.success(), "{}", copied.stderr);
    servers.source.insert(SCHEMA, "types", &[document(2)]);
    let replacement = doc! {"q": {"_id": 3}, "u": document(3)};
    servers.source.run(SCHEMA, doc! {"update": "types", "updates": [replacement]});
    let followed = pipeline.catch_up();
    assert!(followed.status.success(), "{}", followed.stderr);
    let rows = servers.rows("types");
    assert_eq!(rows.len(), 3);
    for row in rows {
        for Case(name, _, wanted) in cases() {
            let found = row[name].as_deref().unwrap_or("null");
            // PostgreSQL writes JSON its own way.
            let is_same = match serde_json::from_str::<Value>(wanted) {
                Ok(wanted @ Value::Object(_)) => serde_json::from_str(found).ok() == Some(wanted),
                _ => found == wanted,
            };
            assert!(is_same, "{name} of {:?}: {found}, not {wanted}", row["_id"]);
        }
    }
}

/// Levels that MongoDB stores at most.
const LEVELS: usize = 99;
/// Just below what MongoDB stores at most.
const LARGE_BYTES: usize = (16 << 20) - 300;

#[test]
fn the_deepest_and_the_largest_documents_pass_and_what_postgresql_has_not_is_a_dead_letter() {
    let servers = Servers::start(Settings::default());
    let deep = (0..LEVELS).fold(Bson::from(1), |inner, _| Bson::from(doc! {"n": inner}));
    let large = |id: &str| doc! {"_id": id, "text": "x".repeat(LARGE_BYTES)};
    servers.source.insert(SCHEMA, "odd", &[doc! {"_id": "deep", "deep": deep}]);
    // Two at a time: the stand-in for MongoDB does not bound its answers, and the driver reads 48 MB.
    for id in ["copied 1", "copied 2"] {
        servers.source.insert(SCHEMA, "odd", &[large(id)]);
    }
    let pipeline = servers.pipeline(&servers.source.url(""));
    let copied = pipeline.catch_up();
    assert!(copied.status.success(), "{}", copied.stderr);
    for id in ["streamed 1", "streamed 2"] {
        servers.source.insert(SCHEMA, "odd", &[large(id)]);
    }
    servers.source.insert(SCHEMA, "odd", &[doc! {"_id": "nul", "text": "a\0b"}]);
    let followed = pipeline.catch_up();
    assert_eq!(followed.status.code(), Some(4), "{}", followed.stderr);
    let sizes =
        format!("SELECT _id, length(text) FROM {SCHEMA}.odd WHERE text IS NOT NULL ORDER BY 1");
    let wanted: Vec<String> = ["copied", "streamed"]
        .iter()
        .flat_map(|way| (1..3).map(move |n| format!("{way} {n}|{LARGE_BYTES}")))
        .collect();
    assert_eq!(servers.at_destination(&sizes), wanted);
    let deep = format!(
        "SELECT deep #>> array_fill('n'::text, ARRAY[{LEVELS}]) FROM {SCHEMA}.odd WHERE _id = 'deep'"
    );
    assert_eq!(servers.at_destination(&deep), ["1"]);
    let letters =
        "SELECT payload LIKE '%nul%', table_name FROM cartridge_warp_metadata.dead_letter_queue";
    assert_eq!(servers.at_destination(letters), ["t|odd"]);
}

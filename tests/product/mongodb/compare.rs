//! Whether a collection and a table hold the same: every document, each once, each field.
//!
//! A row is an object of the columns' texts, a document what the server stores. What a value must look
//! like as text is said here again, and not taken from the connector.

use std::collections::BTreeMap;

use cartridge_warp_test_mongodb::bson::{Bson, Document};
use serde_json::{Value, json};

/// A row of the destination: the columns' names and texts.
pub type Row = BTreeMap<String, Option<String>>;

/// The first difference, in words.
pub fn difference(documents: &[Document], rows: &[Row]) -> Option<String> {
    let mut wanted = BTreeMap::<String, &Document>::new();
    for document in documents {
        let key = text(document.get("_id").unwrap()).unwrap();
        assert!(wanted.insert(key.clone(), document).is_none(), "{key} is twice at the source");
    }
    let mut seen = BTreeMap::<&str, &Row>::new();
    for row in rows {
        let Some(key) = row.get("_id").and_then(Option::as_deref) else {
            return Some(format!("a row without key: {row:?}"));
        };
        if seen.insert(key, row).is_some() {
            return Some(format!("{key} is there twice"));
        }
        let Some(document) = wanted.get(key) else { return Some(format!("{key} is there still")) };
        if let Some(field) = field_that_differs(document, row) {
            return Some(format!("{key}: {field}"));
        }
    }
    let lost = wanted.keys().find(|key| !seen.contains_key(key.as_str()))?;
    Some(format!("{lost} is lost"))
}

fn field_that_differs(document: &Document, row: &Row) -> Option<String> {
    let nothing = Bson::Null;
    let names = document.keys().chain(row.keys());
    names.into_iter().find_map(|name| {
        let (wanted, found) = (document.get(name).unwrap_or(&nothing), row.get(name));
        // A field that is null everywhere has no column.
        let found = found.and_then(Option::as_deref);
        (!equal(wanted, found)).then(|| format!("`{name}` is {found:?}, not {wanted}"))
    })
}

fn equal(wanted: &Bson, found: Option<&str>) -> bool {
    let (Some(text), Some(found)) = (text(wanted), found) else {
        return *wanted == Bson::Null && found.is_none();
    };
    match wanted {
        Bson::Double(number) => found.parse() == Ok(*number),
        Bson::Decimal128(_) => shortest(&text) == shortest(found),
        Bson::DateTime(_) => moment(&text) == moment(found),
        Bson::Document(_) | Bson::Array(_) => {
            serde_json::from_str::<Value>(found).is_ok_and(|found| found == json(wanted))
        }
        _ => text == found,
    }
}

/// A value as text; nothing for null.
fn text(value: &Bson) -> Option<String> {
    Some(match value {
        Bson::Null => return None,
        Bson::String(text) => text.clone(),
        Bson::ObjectId(id) => id.to_hex(),
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => number.to_string(),
        Bson::Double(number) => number.to_string(),
        Bson::Decimal128(number) => number.to_string(),
        Bson::Boolean(value) => value.to_string(),
        Bson::DateTime(at) => at.try_to_rfc3339_string().unwrap(),
        Bson::Document(_) | Bson::Array(_) => json(value).to_string(),
        other => panic!("no test writes such a value: {other}"),
    })
}

/// A nested value; the tests only nest what JSON has, too.
fn json(value: &Bson) -> Value {
    match value {
        Bson::Null => Value::Null,
        Bson::String(text) => json!(text),
        Bson::Int32(number) => json!(number),
        Bson::Int64(number) => json!(number),
        Bson::Boolean(value) => json!(value),
        Bson::Array(values) => values.iter().map(json).collect(),
        Bson::Document(document) => {
            document.iter().map(|(name, value)| (name.clone(), json(value))).collect()
        }
        other => panic!("no test nests such a value: {other}"),
    }
}

/// `1.50` and `1.5` are one number.
fn shortest(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// `2026-01-02T03:04:05.120Z` and `2026-01-02 03:04:05.12+00` are one moment.
fn moment(text: &str) -> String {
    let text = text.replace('T', " ").replace("+00", "");
    shortest(text.trim_end_matches('Z')).to_owned()
}

#[test]
fn every_kind_of_difference_is_found() {
    use cartridge_warp_test_mongodb::bson::{DateTime, doc};
    let row = |id: &str, fields: &[(&str, Option<&str>)]| -> Row {
        let fields =
            fields.iter().map(|(name, text)| ((*name).to_owned(), text.map(str::to_owned)));
        fields.chain([("_id".to_owned(), Some(id.to_owned()))]).collect()
    };
    let at = DateTime::parse_rfc3339_str("2026-01-02T03:04:05.120Z").unwrap();
    let amount: cartridge_warp_test_mongodb::bson::Decimal128 = "1.50".parse().unwrap();
    let first = doc! {
        "_id": 1_i64, "name": "Zoë", "price": 1.5, "amount": amount, "at": at, "open": true,
        "address": {"zip": 7}, "tags": ["a", 1], "note": null,
    };
    let good = [
        ("name", Some("Zoë")),
        ("price", Some("1.5")),
        ("amount", Some("1.5")),
        ("at", Some("2026-01-02 03:04:05.12+00")),
        ("open", Some("true")),
        ("address", Some("{\"zip\": 7}")),
        ("tags", Some("[\"a\", 1]")),
        ("more", None),
    ];
    let documents = [first, doc! {"_id": "b"}];
    let whole = [row("1", &good), row("b", &[])];
    assert_eq!(difference(&documents, &whole), None);

    let judge = |rows: &[Row]| difference(&documents, rows).expect("a difference");
    assert_eq!(judge(&whole[..1]), "b is lost");
    assert_eq!(judge(&[whole[0].clone(), whole[1].clone(), row("c", &[])]), "c is there still");
    assert_eq!(judge(&[whole[0].clone(), whole[0].clone()]), "1 is there twice");
    for (name, text) in [
        ("name", Some("Zoe")),
        ("name", None),
        ("price", Some("1.6")),
        ("amount", Some("1.51")),
        ("at", Some("2026-01-02 03:04:05.121+00")),
        ("open", Some("false")),
        ("address", Some("{\"zip\": 8}")),
        ("address", Some("{}")),
        ("tags", Some("[1, \"a\"]")),
        ("note", Some("")),
        ("more", Some("x")),
    ] {
        let mut wrong = whole.clone();
        wrong[0].insert(name.to_owned(), text.map(str::to_owned));
        assert!(judge(&wrong).starts_with(&format!("1: `{name}`")), "{name} {text:?}");
    }
}

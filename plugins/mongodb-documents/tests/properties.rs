//! What holds for documents that nobody thought of. A failure names its seed.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::collections::BTreeMap;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, RawDocumentBuf, Regex, Timestamp};
use cartridge_warp_sdk::{ColumnType, DeadLetter, Failure, Operation, Table};
use fastrand::Rng;
use mongodb_documents::{IdType, Mode, Pushed, Rows, Shape, bson};
use support::{cell, document};

const SEEDS: u64 = 400;
const NAMES: [&str; 14] = [
    "a",
    "b",
    "B",
    "a_b",
    "",
    "_",
    "_op",
    "a.b",
    "$a",
    "ü",
    "xmin",
    "_cartridge_a",
    "_id",
    "c\u{1}",
];

fn mode(rng: &mut Rng) -> Mode {
    match rng.u32(0..5) {
        4 => Mode::Document,
        max_depth => Mode::Columns { max_depth },
    }
}

fn text(rng: &mut Rng) -> String {
    let length = rng.usize(0..6);
    (0..length)
        .map(|_| rng.choice(['a', '"', '\\', '\u{0}', 'ü', '\u{1f600}', '1']).unwrap())
        .collect()
}

fn scalar(rng: &mut Rng) -> Bson {
    match rng.u32(0..19) {
        0 => Bson::Null,
        1 => Bson::Int32(rng.i32(..)),
        2 => Bson::Int64(rng.i64(..)),
        3 => Bson::Int64(rng.i64(-3..3)),
        4 => Bson::Double(f64::from_bits(rng.u64(..))),
        5 => Bson::Double(f64::from(rng.i32(-3..3)) / 2.0),
        6 => Bson::Boolean(rng.bool()),
        7 => Bson::DateTime(DateTime::from_millis(rng.i64(..))),
        8 => Bson::DateTime(DateTime::from_millis(rng.i64(-1 << 50..1 << 50))),
        9 => Bson::ObjectId(ObjectId::from_bytes([rng.u8(..); 12])),
        10 => Bson::Decimal128(bson::Decimal128::from_bytes(rng.u128(..).to_le_bytes())),
        11 => Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: vec![rng.u8(..); 16] }),
        12 => Bson::Binary(Binary {
            subtype: BinarySubtype::from(rng.u8(0..9)),
            bytes: vec![rng.u8(..); rng.usize(0..4)],
        }),
        13 => Bson::Symbol(text(rng)),
        14 => Bson::Timestamp(Timestamp { time: rng.u32(..), increment: rng.u32(..) }),
        15 => Bson::RegularExpression(Regex {
            pattern: "a\"b".try_into().unwrap(),
            options: "i".try_into().unwrap(),
        }),
        16 => rng.choice([Bson::MinKey, Bson::MaxKey, Bson::Undefined]).unwrap(),
        _ => Bson::String(text(rng)),
    }
}

fn value(rng: &mut Rng, levels: u32) -> Bson {
    match rng.u32(0..8) {
        0 if levels > 0 => {
            Bson::Array((0..rng.usize(0..4)).map(|_| value(rng, levels - 1)).collect())
        }
        1 | 2 if levels > 0 => Bson::Document(fields(rng, levels - 1)),
        _ => scalar(rng),
    }
}

fn fields(rng: &mut Rng, levels: u32) -> Document {
    let count = rng.usize(0..6);
    (0..count).map(|_| (rng.choice(NAMES).unwrap().to_owned(), value(rng, levels))).collect()
}

/// Documents of one collection.
fn collection(rng: &mut Rng) -> Vec<RawDocumentBuf> {
    let document = |id: i32, rng: &mut Rng| {
        let mut document = fields(rng, 4);
        document.insert("_id", id);
        RawDocumentBuf::try_from(&document).unwrap()
    };
    (0..rng.i32(1..8)).map(|id| document(id, rng)).collect()
}

fn observed(mode: Mode, documents: &[RawDocumentBuf]) -> Result<Shape, Failure> {
    let mut shape = Shape::new("things", mode, IdType::Auto);
    for document in documents {
        shape.observe(document)?;
    }
    Ok(shape)
}

#[test]
fn the_order_of_documents_does_not_matter() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (mode, mut documents) = (mode(&mut rng), collection(&mut rng));
        let table = |shape: Result<Shape, Failure>| shape.map(|s| s.table()).map_err(|f| f.code);
        let expect = table(observed(mode, &documents));
        for _ in 0..4 {
            rng.shuffle(&mut documents);
            assert_eq!(table(observed(mode, &documents)), expect, "seed {seed}");
        }
    }
}

#[test]
fn what_was_observed_is_written_at_once_or_cannot_be_a_row() {
    let mut written = 0;
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (mode, documents) = (mode(&mut rng), collection(&mut rng));
        let Ok(shape) = observed(mode, &documents) else { continue };
        let mut rows = Rows::inserts(shape);
        for document in &documents {
            match rows.push(Operation::Insert, document, None).unwrap() {
                Pushed::Row => written += 1,
                Pushed::Rejected(DeadLetter { code, .. }) => {
                    assert_eq!(code, "date-out-of-range", "seed {seed}");
                }
                Pushed::Reshaped => panic!("seed {seed}: the shape has seen this document"),
            }
        }
        let rows = rows.finish().unwrap();
        let json = rows.columns().iter().filter(|column| column.column_type == ColumnType::Json);
        for column in json {
            for row in 0..rows.len() {
                let text = cell(&rows, row, &column.name).unwrap();
                let json = serde_json::from_str::<serde_json::Value>(&text["json ".len()..]);
                assert!(json.is_ok(), "seed {seed}: {text}");
            }
        }
    }
    assert!(written > 500, "{written}");
}

/// Whether the host takes this step without a cast that loses something.
fn is_wider(from: &ColumnType, to: &ColumnType) -> bool {
    use ColumnType as T;
    match (from, to) {
        (from, to) if from == to => true,
        (T::Integer, T::BigInt | T::Double) => true,
        (T::Json, _) => false,
        (_, T::Json) => true,
        (T::String, _) => false,
        (_, T::String) => true,
        _ => false,
    }
}

#[test]
fn a_table_only_widens_and_says_so() {
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (mode, documents) = (mode(&mut rng), collection(&mut rng));
        let mut shape = Shape::new("things", mode, IdType::Auto);
        for document in &documents {
            let before = shape.table();
            let Ok(grew) = shape.observe(document) else { break };
            let after = shape.table();
            assert_eq!(grew, before != after, "seed {seed}");
            assert!(!shape.observe(document).unwrap(), "seed {seed}");
            let types = |table: &Table| -> BTreeMap<String, ColumnType> {
                table.columns.iter().map(|c| (c.name.clone(), c.column_type.clone())).collect()
            };
            let after = types(&after);
            assert!(after.len() == shape.table().columns.len(), "seed {seed}: a name twice");
            for (name, old) in types(&before).iter().filter(|(name, _)| *name != "_id") {
                assert!(is_wider(old, &after[name]), "seed {seed}: {name}");
            }
        }
    }
}

#[test]
fn no_bytes_are_a_panic() {
    for seed in 0..4 * SEEDS {
        let mut rng = Rng::with_seed(seed);
        let mode = mode(&mut rng);
        let mut rows = Rows::changes(Shape::new("things", mode, IdType::Json));
        for valid in collection(&mut rng) {
            let mut bytes = valid.into_bytes();
            for _ in 0..rng.usize(1..6) {
                let at = rng.usize(4..bytes.len());
                let any = rng.u8(..);
                bytes[at] = rng.choice([0, 1, 0x7f, 0xff, any]).unwrap();
            }
            *bytes.last_mut().unwrap() = 0;
            match rows.push(Operation::Update, document(&bytes), Some(0)) {
                Ok(Pushed::Reshaped) => drop(rows.finish().unwrap()),
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
}

/// Numbers as MongoDB compares them, about.
fn normal(value: Bson) -> Bson {
    match value {
        Bson::Int32(number) => Bson::Int64(i64::from(number)),
        Bson::Double(number) if number.fract() == 0.0 && number.abs() < 9e18 => {
            Bson::Int64(number as i64)
        }
        // The reader of JSON rounds the last digit of long ones its own way.
        Bson::Double(number) => Bson::Double(format!("{number:.14e}").parse().unwrap()),
        Bson::Symbol(text) => Bson::String(text),
        Bson::Array(items) => Bson::Array(items.into_iter().map(normal).collect()),
        Bson::Document(document) => Bson::Document(
            document
                .into_iter()
                .map(|(name, value)| {
                    let escaped = name.starts_with("$$");
                    (name[usize::from(escaped)..].to_owned(), normal(value))
                })
                .collect(),
        ),
        other => other,
    }
}

/// A key from which its `_id` can be read back is the key of no other.
#[test]
fn keys_can_be_read_back() {
    for seed in 0..10 * SEEDS {
        let mut rng = Rng::with_seed(seed);
        let id = value(&mut rng, 3);
        let text = format!("{id:?}");
        // These have no form in JSON that the library reads back: see the table of keys.
        if text.contains("Decimal") || text.contains("NaN") || text.contains("\"$") {
            continue;
        }
        let raw = RawDocumentBuf::try_from(&bson::doc! { "_id": id.clone() }).unwrap();
        let mut rows = Rows::inserts(Shape::new("things", Mode::Document, IdType::Json));
        support::push(&mut rows, &raw).unwrap();
        let key = cell(&rows.finish().unwrap(), 0, "_id").unwrap();
        let json = key.strip_prefix("string [mongodb:json] ").unwrap();
        let back: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(normal(Bson::try_from(back).unwrap()), normal(id), "seed {seed}: {json}");
    }
}

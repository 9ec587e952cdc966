//! `wit/batches`: what the SDK makes of the rows beside it, for encoders in other languages.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use cartridge_warp_sdk::{Column, ColumnType, Operation, Table, TableWriter, Value, wire::Encoder};
use serde_json::Value as Json;

/// Writes the batches instead of comparing them.
const WRITE: &str = "CARTRIDGE_WARP_TEST_WRITE_DOCS";

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../wit/batches")
}

/// The names of the batches in the folder, by the ending of their files.
fn names(ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name());
    let names = files.filter_map(|file| Some(file.to_str()?.strip_suffix(ending)?.to_owned()));
    names.collect()
}

fn column(json: &Json) -> Option<Column> {
    let name = json["name"].as_str().unwrap();
    if name.starts_with('_') {
        return None;
    }
    let mut column = Column::new(name, json["type"].as_str().unwrap().parse().unwrap());
    for (key, value) in json["metadata"].as_object().into_iter().flatten() {
        column = match (key.as_str(), value.as_str().unwrap()) {
            ("warp:nullable", "false") => column.required(),
            ("warp:type", origin) => column.origin(origin),
            other => panic!("{other:?} is metadata that this test does not know"),
        };
    }
    Some(column)
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16));
    bytes.collect::<Result<_, _>>().unwrap()
}

/// A value as README.md says that it is written.
fn value<'a>(column_type: &ColumnType, json: &'a Json) -> Value<'a> {
    let number = || json.as_str().unwrap().parse().unwrap();
    match (column_type, json) {
        (_, Json::Null) => Value::Null,
        (ColumnType::Date, _) => Value::Date(i32::try_from(json.as_i64().unwrap()).unwrap()),
        (ColumnType::Time, _) => Value::Time(number()),
        (ColumnType::Timestamp, _) => Value::Timestamp(number()),
        (ColumnType::TimestampTz, _) => Value::TimestampTz(number()),
        // A test ends soon.
        (ColumnType::Binary, _) => Value::Bytes(hex(json.as_str().unwrap()).leak()),
        (ColumnType::Array(item), Json::Array(values)) => {
            Value::List(values.iter().map(|json| value(item, json)).collect())
        }
        _ => Value::from_json(json),
    }
}

fn operation(json: &Json) -> Operation {
    Operation::from_code(u8::try_from(json.as_u64().unwrap()).unwrap()).unwrap()
}

/// The schema message and the record batch message of what the JSON describes.
fn encoded(json: &Json) -> Vec<u8> {
    let described = json["columns"].as_array().unwrap();
    let columns: Vec<Column> = described.iter().filter_map(column).collect();
    let place = |name: &str| described.iter().position(|column| column["name"] == name);
    let (op, ts, unchanged) = (place("_op"), place("_ts"), place("_unchanged"));
    let table = columns.iter().cloned().fold(Table::new("t"), Table::with);
    let mut writer = match op {
        Some(_) => TableWriter::changes(&table),
        None => TableWriter::inserts(&table),
    };
    for cells in json["rows"].as_array().unwrap() {
        let mut row = writer.row(op.map_or(Operation::Insert, |op| operation(&cells[op])));
        for (at, column) in columns.iter().enumerate() {
            row.set(at, value(&column.column_type, &cells[at])).unwrap();
        }
        let bitmap = unchanged.and_then(|place| cells[place].as_str()).map(hex).unwrap_or_default();
        for at in
            (0..columns.len()).filter(|at| bitmap.get(at / 8).unwrap_or(&0) >> (at % 8) & 1 == 1)
        {
            row.unchanged(at).unwrap();
        }
        match ts.and_then(|place| cells[place].as_str()) {
            Some(micros) => row.at(micros.parse().unwrap()).commit(),
            None => row.commit(),
        }
    }
    let encoded = Encoder::default().encode(&writer.finish().unwrap()).unwrap();
    [encoded.arrow_schema.unwrap(), encoded.rows].concat()
}

#[test]
fn the_reference_batches_are_what_the_sdk_writes() {
    let names = names(".json");
    assert!(names.len() > 20, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let json = fs::read(folder().join(format!("{name}.json"))).unwrap();
        let batch = encoded(&serde_json::from_slice(&json).unwrap());
        let file = folder().join(format!("{name}.arrow"));
        match env::var_os(WRITE) {
            Some(_) => fs::write(file, batch).unwrap(),
            None if fs::read(file).unwrap_or_default() != batch => wrong.push(name),
            None => {}
        }
    }
    assert!(
        wrong.is_empty(),
        "the SDK writes {wrong:?} in another way; {WRITE}=1 writes them anew"
    );
    assert_eq!(self::names(".arrow"), names, "each batch has its JSON");
}

//! Raw documents by hand, and rows as text.

#![allow(dead_code, reason = "each test binary uses its part")]

use bson::{RawDocument, RawDocumentBuf};
use cartridge_warp_sdk::{DeadLetter, Operation, TableRows, Value};
use mongodb_documents::{IdType, Mode, Pushed, Rows, Shape, bson};

/// Nested documents are JSON.
pub const COLUMNS: Mode = Mode::Columns { max_depth: 0 };

pub fn shape(mode: Mode) -> Shape {
    Shape::new("things", mode, IdType::Auto)
}

/// A document of the bytes of its fields, each of them a type, a name, a NUL and a value.
pub fn wire(fields: &[&[u8]]) -> Vec<u8> {
    let fields = fields.concat();
    let length = i32::try_from(fields.len() + 5).unwrap();
    [&length.to_le_bytes(), fields.as_slice(), &[0]].concat()
}

/// A field on the wire.
pub fn field(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

/// Text on the wire, behind its length and before a NUL.
pub fn text(text: &[u8]) -> Vec<u8> {
    let length = i32::try_from(text.len() + 1).unwrap();
    [&length.to_le_bytes(), text, &[0]].concat()
}

/// `_id: 1` on the wire.
pub fn id() -> Vec<u8> {
    field(0x10, "_id", &1_i32.to_le_bytes())
}

pub fn document(bytes: &[u8]) -> &RawDocument {
    RawDocument::from_bytes(bytes).unwrap()
}

/// Pushes a document, and again when the table had to change.
pub fn push(rows: &mut Rows, document: &RawDocument) -> Result<(), Box<DeadLetter>> {
    loop {
        match rows.push(Operation::Insert, document, None).unwrap() {
            Pushed::Row => return Ok(()),
            Pushed::Rejected(letter) => return Err(letter.into()),
            Pushed::Reshaped => drop(rows.finish().unwrap()),
        }
    }
}

/// The one row that a document becomes on its own.
pub fn row(mode: Mode, document: &RawDocument) -> Result<TableRows, Box<DeadLetter>> {
    let mut rows = Rows::inserts(shape(mode));
    push(&mut rows, document)?;
    Ok(rows.finish().unwrap())
}

/// The rows that documents become together, all of them seen first.
pub fn rows(mode: Mode, documents: &[RawDocumentBuf]) -> TableRows {
    let mut rows = Rows::inserts(shape(mode));
    for document in documents {
        rows.observe(Operation::Insert, document).unwrap();
    }
    for document in documents {
        push(&mut rows, document).unwrap();
    }
    rows.finish().unwrap()
}

/// A column's type and the value in one row, such as `bigint 7`; none without the column.
pub fn cell(rows: &TableRows, row: usize, column: &str) -> Option<String> {
    let at = rows.index_of(column)?;
    let column = &rows.columns()[at];
    let value = match rows.value(row, at) {
        Value::Str(text) => text.to_owned(),
        value => value.to_string(),
    };
    let origin = column.origin_type.as_deref().map(|origin| format!(" [{origin}]"));
    Some(format!("{}{} {value}", column.column_type, origin.unwrap_or_default()))
}

//! Rows as lines of JSON.
//!
//! `_op`, `_ts` and `_seq` stand first. What the source did not send is listed in `_unchanged` and left
//! out; a delete carries its key only, a truncate nothing.

use cartridge_warp_sdk::{Failure, Operation, TableRows, Value};
use serde::de::IgnoredAny;

use std::ops::Range;

use crate::row_facts::{SEQUENCE, timestamp, unchanged};

/// Some rows of a batch, of which the very first has the number `first`.
pub(crate) fn encode(
    rows: &TableRows,
    ranges: &[Range<usize>],
    first: i64,
    key: &[String],
) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let names: Vec<String> = rows.columns().iter().map(|column| quoted(&column.name)).collect();
    for row in ranges.iter().cloned().flatten() {
        let operation = rows.op(row);
        out.extend_from_slice(format!("{{\"_op\":\"{}\",\"_ts\":", operation.as_str()).as_bytes());
        match timestamp(rows, row) {
            Some(at) => out.extend_from_slice(quoted(&at).as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(format!(",\"{SEQUENCE}\":{}", first + row as i64).as_bytes());
        if let Some(list) = unchanged(rows, row) {
            out.extend_from_slice(format!(",\"_unchanged\":{list}").as_bytes());
        }
        for (column, name) in names.iter().enumerate() {
            if carries(rows, row, column, operation, key) {
                out.push(b',');
                out.extend_from_slice(name.as_bytes());
                out.push(b':');
                write_value(&mut out, &rows.value(row, column))?;
            }
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(out)
}

fn carries(
    rows: &TableRows,
    row: usize,
    column: usize,
    operation: Operation,
    key: &[String],
) -> bool {
    match operation {
        Operation::Truncate => false,
        // Some sources send more than the key with a delete.
        Operation::Delete => {
            key.contains(&rows.columns()[column].name) || !rows.array(column).is_null(row)
        }
        Operation::Insert | Operation::Update | Operation::Snapshot => {
            !rows.is_unchanged(row, column)
        }
    }
}

fn write_value(out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), Failure> {
    match value {
        // As it came, so that no digit is lost; line breaks are only space between its parts.
        Value::Json(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            let plain = |byte: u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
            out.extend(text.bytes().map(plain));
            Ok(())
        }
        value => serde_json::to_writer(out, &value.to_json()).map_err(|error| {
            Failure::stop("encoding", "a value has no JSON form").detail(error.to_string())
        }),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

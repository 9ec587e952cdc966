//! What both formats say of a row beside its values.

use cartridge_warp_sdk::{TableRows, Value};

/// The commit time in the source.
pub(crate) fn timestamp(rows: &TableRows, row: usize) -> Option<String> {
    rows.timestamp(row).map(|micros| Value::TimestampTz(micros).to_string())
}

/// The columns that the source did not send, as a JSON list; none if it sent all.
pub(crate) fn unchanged(rows: &TableRows, row: usize) -> Option<String> {
    let columns = rows.columns().iter().enumerate();
    let names: Vec<serde_json::Value> = columns
        .filter(|(at, _)| rows.is_unchanged(row, *at))
        .map(|(_, column)| column.name.clone().into())
        .collect();
    (!names.is_empty()).then(|| serde_json::Value::Array(names).to_string())
}

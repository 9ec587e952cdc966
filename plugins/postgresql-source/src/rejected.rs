//! Rows whose values their columns cannot hold.

use cartridge_warp_sdk::{
    DeadLetter, Operation, RowBuilder, Table, TableWriter, ValueError, key_text, serde_json,
};
use postgresql_client::large::ROW_BYTES_MAX;

use crate::catalog::SourceTable;
use crate::value::{Codec, binary};

/// Sets a column to the value that the server's text says; the error names the column and the type.
pub fn set(
    row: &mut RowBuilder<'_>,
    table: &SourceTable,
    column: usize,
    text: &[u8],
) -> Result<(), ValueError> {
    let source = &table.columns[column];
    let text = std::str::from_utf8(text).map_err(|_| ValueError {
        column: source.name.clone(),
        reason:
            "the database's text has bytes that are no character of UTF-8; mend it at the source"
                .to_owned(),
    })?;
    source.codec.set(row, column, text).map_err(|error| ValueError {
        column: source.name.clone(),
        reason: format!(
            "a value of type {} does not fit {} ({}); `options.text_types` lets every value pass",
            source.formatted, source.column.column_type, error.reason
        ),
    })
}

/// The error for a value that cannot be held, or for a row that ends with one in front of this column.
pub fn too_large(table: &SourceTable, column: usize, bytes: Option<u32>) -> ValueError {
    let what = match bytes {
        Some(bytes) => format!("a value of {bytes} bytes makes the row larger than"),
        None => "it stands behind a value that makes the row larger than".to_owned(),
    };
    let column = table.columns[column].name.clone();
    ValueError { column, reason: format!("{what} the {ROW_BYTES_MAX} bytes that are taken of one") }
}

/// The error for a row of which the server says only the largest column.
pub fn too_large_row(largest: &[u8]) -> ValueError {
    let column = String::from_utf8_lossy(largest).into_owned();
    let reason =
        format!("the row is larger than the {} bytes that are taken of one", ROW_BYTES_MAX / 2);
    ValueError { column, reason }
}

/// Sets a column to the value that the server's binary form says. What the column cannot hold is
/// left to its text, so that both forms agree.
pub fn set_binary(
    row: &mut RowBuilder<'_>,
    table: &SourceTable,
    column: usize,
    bytes: &[u8],
) -> Result<(), ValueError> {
    let codec = table.columns[column].codec;
    if codec == Codec::NumericText
        && let Some(text) = binary::numeric(bytes)
    {
        return row.set(column, text.as_str());
    }
    if binary::value(codec, bytes).is_some_and(|value| row.set(column, value).is_ok()) {
        return Ok(());
    }
    set(row, table, column, &binary::text(codec, bytes))
}

/// The row as JSON with the server's own text for each value, and its key.
pub fn letter<'f>(
    table: &SourceTable,
    fields: impl Iterator<Item = (&'f str, Option<&'f [u8]>)>,
    error: &ValueError,
    origin: &str,
) -> DeadLetter {
    let fields: Vec<(&str, Option<&[u8]>)> = fields.collect();
    let text = |text: &[u8]| serde_json::Value::from(String::from_utf8_lossy(text).into_owned());
    let members = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.map_or(serde_json::Value::Null, text)));
    let payload = serde_json::Value::Object(members.collect()).to_string();
    DeadLetter::new(&table.shape.name, ValueError::CODE, error.to_string(), &payload, origin)
        .key(key(table, &fields))
}

/// The key of a row that cannot travel, where the key itself can.
fn key(table: &SourceTable, fields: &[(&str, Option<&[u8]>)]) -> Option<String> {
    let key = &table.shape.key;
    let columns = table.key_indices().into_iter().map(|at| &table.columns[at]);
    let of_key = columns
        .clone()
        .fold(Table::new(&table.shape.name), |of_key, column| of_key.with(column.column.clone()));
    let mut writer = TableWriter::inserts(&of_key);
    let mut row = writer.row(Operation::Insert);
    for (place, column) in columns.enumerate() {
        let (_, text) = fields.iter().find(|(name, _)| *name == column.column.name)?;
        column.codec.set(&mut row, place, str::from_utf8((*text)?).ok()?).ok()?;
    }
    row.commit();
    key_text(&writer.finish().ok()?, 0, key)
}

//! Rows that the host itself refuses: dead letters (I5).

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, types::UInt8Type};
use arrow_schema::{ArrowError, Field};

use super::{letter_keys::key_of, steps::Refused};
use crate::{
    model::{
        ColumnType, DeadLetter, Held, Operation, TableBatch,
        batch::{OP_COLUMN, UNCHANGED_COLUMN, is_reserved},
    },
    schema::fit,
};

/// Why rows are refused.
pub struct Reason<'a> {
    pub code: &'a str,
    /// The key of the configuration by which they are.
    pub origin: &'a str,
    /// What stands for the rows, where they are not shown.
    pub payload: Option<&'a str>,
}

/// The dead letters of rows with values that their columns' types at the destination do not have, one for each
/// row, in order.
pub fn unconverted(
    batch: &TableBatch,
    refused: &[Refused],
    key: &[String],
) -> Result<Vec<DeadLetter>, ArrowError> {
    let mut by_row: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for Refused { row, column, to } in refused {
        by_row.entry(*row).or_default().push(format!("`{column}` is none of type {to}"));
    }
    let said = |(row, reasons): (usize, Vec<String>)| {
        (row, format!("the value of {}", reasons.join(", that of ")))
    };
    let why = Reason { code: "type-conversion", origin: "columns.types", payload: None };
    letters(batch, by_row.into_iter().map(said).collect(), &why, key)
}

/// The dead letters of rows that are refused with these words.
pub fn letters(
    batch: &TableBatch,
    rows: BTreeMap<usize, String>,
    why: &Reason<'_>,
    key: &[String],
) -> Result<Vec<DeadLetter>, ArrowError> {
    let letter = |(row, message): (usize, String)| {
        let payload = match why.payload {
            Some(instead) => instead.to_owned(),
            None => payload(&batch.columns, row)?,
        };
        Ok(DeadLetter {
            table: batch.table.clone(),
            operation: operation(&batch.columns, row).word().to_owned(),
            payload,
            code: why.code.to_owned(),
            message,
            origin: why.origin.to_owned(),
            key: key_of(&batch.columns, row, key)?,
            held: Held::default(),
        })
    };
    rows.into_iter().map(letter).collect()
}

/// What is left of the rows: the stretches between those that were refused. Such rows are few, so parts
/// that share their values with the batch cost less than a copy of it.
pub fn stretches(rows: &RecordBatch, refused: &[Refused]) -> Vec<RecordBatch> {
    let mut gone: Vec<usize> = refused.iter().map(|refused| refused.row).collect();
    gone.sort_unstable();
    gone.dedup();
    let (mut left, mut start) = (Vec::new(), 0);
    for end in gone.into_iter().chain([rows.num_rows()]) {
        if end > start {
            left.push(rows.slice(start, end - start));
        }
        start = end + 1;
    }
    left
}

fn operation(rows: &RecordBatch, row: usize) -> Operation {
    let operations = rows.column_by_name(OP_COLUMN);
    let operations = operations.and_then(|column| column.as_primitive_opt::<UInt8Type>());
    let known = operations.map_or(Operation::Insert as u8, |operations| operations.value(row));
    Operation::ALL.into_iter().find(|it| *it as u8 == known).unwrap_or(Operation::Insert)
}

/// The row as JSON, with what was sent of it.
fn payload(rows: &RecordBatch, row: usize) -> Result<String, ArrowError> {
    let schema = rows.schema_ref();
    let data = schema.fields().iter().zip(rows.columns());
    let data = data.filter(|(field, _)| !is_reserved(field.name()));
    let mut members = Vec::new();
    for (ordinal, (field, values)) in data.enumerate() {
        if is_unchanged(rows, row, ordinal) {
            continue;
        }
        let name = serde_json::Value::from(field.name().as_str());
        members.push(format!("{name}:{}", cell(&values.slice(row, 1), field)?));
    }
    Ok(format!("{{{}}}", members.join(",")))
}

/// A value as JSON. Numbers that are no integers are text, since readers of JSON take them for floats.
fn cell(value: &ArrayRef, field: &Field) -> Result<String, ArrowError> {
    if value.is_null(0) {
        return Ok("null".to_owned());
    }
    let is_text = field.data_type().is_decimal() || field.data_type().is_floating();
    let form = if is_text { ColumnType::Text } else { ColumnType::Json };
    let written = fit(value, field, &form.field(field.name()))?;
    let written = written.as_string::<i32>().value(0).to_owned();
    Ok(if is_text { serde_json::Value::from(written).to_string() } else { written })
}

fn is_unchanged(rows: &RecordBatch, row: usize, ordinal: usize) -> bool {
    let bits = rows.column_by_name(UNCHANGED_COLUMN);
    let bits = bits.and_then(|column| column.as_binary_opt::<i32>());
    bits.filter(|bits| bits.is_valid(row)).is_some_and(|bits| {
        bits.value(row).get(ordinal / 8).is_some_and(|byte| byte & (1 << (ordinal % 8)) != 0)
    })
}

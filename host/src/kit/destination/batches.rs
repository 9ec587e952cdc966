//! Changes in the form in which they travel to a destination.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, UInt8Array};
use arrow_schema::{DataType, Field, Schema};

use crate::{
    config::KitTable,
    kit::{
        finding::{Broken, Checked},
        state::Change,
        values::{Row, Text, column},
    },
    model::{
        Operation, TableBatch,
        batch::{OP_COLUMN, UNCHANGED_COLUMN},
    },
    plugin::{encode_batch, table_schema},
};

/// Changes of a table as they travel.
pub fn sent(name: &str, table: &KitTable, changes: &[Change]) -> Checked<TableBatch> {
    batch(name, table, changes).map_err(|seen| {
        Broken::new("the kit can write its rows in these types", &seen, "take another type")
    })
}

/// An update's columns that have no value are marked as unchanged.
fn batch(name: &str, table: &KitTable, changes: &[Change]) -> Result<TableBatch, String> {
    let operations = changes.iter().map(|change| change.operation as u8);
    let mut fields = vec![Field::new(OP_COLUMN, DataType::UInt8, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(operations.collect::<UInt8Array>())];
    for (column_name, kind) in &table.columns {
        let texts: Vec<Text> =
            changes.iter().map(|change| change.row.get(column_name).cloned().flatten()).collect();
        fields.push(kind.field(column_name));
        columns.push(column(column_name, &texts, *kind)?);
    }
    let unchanged = changes.iter().map(|change| {
        let is_partial = change.operation == Operation::Update;
        is_partial
            .then(|| unsent(table, &change.row))
            .filter(|bits| bits.iter().any(|bits| *bits > 0))
    });
    let unchanged: Vec<Option<Vec<u8>>> = unchanged.collect();
    if unchanged.iter().any(Option::is_some) {
        fields.push(Field::new(UNCHANGED_COLUMN, DataType::Binary, true));
        let bits: Vec<Option<&[u8]>> = unchanged.iter().map(Option::as_deref).collect();
        columns.push(Arc::new(BinaryArray::from(bits)));
    }
    let schema = Arc::new(Schema::new(fields));
    let rows =
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| error.to_string())?;
    let schema = table_schema(schema).map_err(|error| error.to_string())?;
    encode_batch(name, &schema, rows).map_err(|error| error.to_string())
}

/// A bit for each column that a row does not have, the first column in the lowest bit.
fn unsent(table: &KitTable, row: &Row) -> Vec<u8> {
    let mut bits = vec![0; table.columns.len().div_ceil(8)];
    for (position, column) in table.columns.keys().enumerate() {
        if !row.contains_key(column)
            && let Some(byte) = bits.get_mut(position / 8)
        {
            *byte |= 1 << (position % 8);
        }
    }
    bits
}

//! The values of columns that the source does not have.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, cast::AsArray,
    new_null_array, types::UInt8Type,
};

use crate::model::{
    AddedValue, ColumnType, Operation,
    batch::{OP_COLUMN, TS_COLUMN},
};

/// One value for each row; none for truncates, which are no rows.
pub fn added(value: &AddedValue, rows: &RecordBatch) -> ArrayRef {
    let operations = rows.column_by_name(OP_COLUMN);
    let operations = operations.and_then(|column| column.as_primitive_opt::<UInt8Type>());
    let is_row = |row: usize| {
        operations.is_none_or(|operations| operations.value(row) != Operation::Truncate as u8)
    };
    let each = || (0..rows.num_rows()).map(is_row);
    match value {
        AddedValue::Text(text) => {
            let text = Some(text.as_str());
            Arc::new(each().map(|is_row| text.filter(|_| is_row)).collect::<StringArray>())
        }
        AddedValue::Whole(number) => {
            Arc::new(each().map(|is_row| is_row.then_some(*number)).collect::<Int64Array>())
        }
        AddedValue::Number(number) => {
            let number = number.as_f64();
            Arc::new(each().map(|is_row| number.filter(|_| is_row)).collect::<Float64Array>())
        }
        AddedValue::Boolean(value) => {
            Arc::new(each().map(|is_row| is_row.then_some(*value)).collect::<BooleanArray>())
        }
        AddedValue::CommitTime => match rows.column_by_name(TS_COLUMN) {
            Some(times) => Arc::clone(times),
            None => new_null_array(&ColumnType::Timestamptz.data_type(), rows.num_rows()),
        },
    }
}

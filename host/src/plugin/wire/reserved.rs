//! The columns that the batch format keeps for itself: `_op`, `_ts`, `_unchanged`.

use arrow_array::{Array, RecordBatch, cast::AsArray, types::UInt8Type};
use arrow_schema::{DataType, Field, TimeUnit};

use super::WireError;
use crate::model::{
    Operation,
    batch::{OP_COLUMN, TS_COLUMN, UNCHANGED_COLUMN, is_reserved},
};

/// True for a reserved column of the right type, false for a data column.
pub(super) fn check_type(field: &Field) -> Result<bool, WireError> {
    let name = field.name().as_str();
    let right = match name {
        OP_COLUMN => *field.data_type() == DataType::UInt8,
        UNCHANGED_COLUMN => *field.data_type() == DataType::Binary,
        TS_COLUMN => matches!(
            field.data_type(),
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC"
        ),
        _ => return Ok(false),
    };
    if !right {
        let found = field.data_type();
        return Err(WireError::new(format!("the reserved column `{name}` has type {found}")));
    }
    Ok(true)
}

/// Checks what types can't say: every operation is known, and bitmaps cover existing columns only.
pub(super) fn check_values(columns: &RecordBatch) -> Result<(), WireError> {
    if let Some(ops) = columns.column_by_name(OP_COLUMN) {
        let ops = ops.as_primitive_opt::<UInt8Type>().ok_or_else(wrong_type)?;
        if ops.null_count() > 0 {
            return Err(WireError::new("`_op` has nulls"));
        }
        let unknown = ops.values().iter().find(|op| usize::from(**op) >= Operation::ALL.len());
        if let Some(unknown) = unknown {
            return Err(WireError::new(format!("`_op` has the value {unknown}; 0 to 3 are known")));
        }
    }
    if let Some(bitmaps) = columns.column_by_name(UNCHANGED_COLUMN) {
        let bitmaps = bitmaps.as_binary_opt::<i32>().ok_or_else(wrong_type)?;
        let schema = columns.schema_ref();
        let data_columns = schema.fields().iter().filter(|field| !is_reserved(field.name()));
        let bytes_max = data_columns.count().div_ceil(8);
        if bitmaps.iter().flatten().any(|bitmap| bitmap.len() > bytes_max) {
            return Err(WireError::new("`_unchanged` speaks of more columns than there are"));
        }
    }
    Ok(())
}

fn wrong_type() -> WireError {
    WireError::new("a reserved column has the wrong type")
}

//! Arrow's own conversions, held against the way back: it cuts fractions and times of day without a word.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, make_array};
use arrow_buffer::NullBuffer;
use arrow_cast::{CastOptions, cast_with_options, display::FormatOptions};
use arrow_schema::{ArrowError, DataType};

use super::Converted;

/// A value that the type does not have is NULL, by which it is found.
const LENIENT: CastOptions<'static> =
    CastOptions { safe: true, format_options: FormatOptions::new() };

/// The values in another type, but for those that have no exact form there.
pub(super) fn cast(values: &ArrayRef, to: &DataType) -> Result<Converted, ArrowError> {
    let plain = without_zone(values)?;
    let there = cast_with_options(&plain, &zoneless(to), &LENIENT)?;
    let back = cast_with_options(&there, plain.data_type(), &LENIENT)?;
    let refused: Vec<usize> = if back.to_data() == plain.to_data() {
        Vec::new()
    } else {
        let is_same = |row: &usize| back.slice(*row, 1).as_ref() == plain.slice(*row, 1).as_ref();
        (0..plain.len()).filter(|row| !is_same(row)).collect()
    };
    let values = relabelled(&without(&there, &refused)?, to)?;
    Ok(Converted { values, refused })
}

/// The values with these rows NULL.
fn without(values: &ArrayRef, rows: &[usize]) -> Result<ArrayRef, ArrowError> {
    if rows.is_empty() {
        return Ok(Arc::clone(values));
    }
    let mut valid: Vec<bool> = (0..values.len()).map(|row| values.is_valid(row)).collect();
    for row in rows {
        if let Some(valid) = valid.get_mut(*row) {
            *valid = false;
        }
    }
    let nulls = NullBuffer::from(valid);
    Ok(make_array(values.to_data().into_builder().nulls(Some(nulls)).build()?))
}

/// Arrow knows no zones by name, and moments are UTC whatever their zone is called.
fn without_zone(values: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    relabelled(values, &zoneless(values.data_type()))
}

fn zoneless(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, None),
        other => other.clone(),
    }
}

/// The same numbers under another type of the same width.
fn relabelled(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if values.data_type() == to {
        return Ok(Arc::clone(values));
    }
    Ok(make_array(values.to_data().into_builder().data_type(to.clone()).build()?))
}

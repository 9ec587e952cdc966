//! The canonical form of one column's values.

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    StringArray,
    cast::AsArray,
    types::{Float32Type, Float64Type},
};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Field};

use super::json::{canonical, long};
use crate::schema::compare::is_json;

/// A column whose type was looked at once.
pub(super) struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    values: Values<'a>,
}

enum Values<'a> {
    Boolean(&'a BooleanArray),
    Single(&'a Float32Array),
    Double(&'a Float64Array),
    /// Values of so many bytes each.
    Fixed {
        values: Buffer,
        offset: usize,
        width: usize,
    },
    FixedBinary(&'a FixedSizeBinaryArray),
    Text(&'a StringArray),
    Json(&'a StringArray),
    Binary(&'a BinaryArray),
    /// Rare types, as they are printed.
    Printed(Box<ArrayFormatter<'a>>),
}

const NONE: u8 = 0;
const SOME: u8 = 1;

impl<'a> Column<'a> {
    pub(super) fn of(field: &Field, array: &'a ArrayRef) -> Result<Self, ArrowError> {
        let values = match array.data_type() {
            DataType::Boolean => Values::Boolean(array.as_boolean()),
            DataType::Float32 => Values::Single(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Values::Double(array.as_primitive::<Float64Type>()),
            DataType::Utf8 if is_json(field) => Values::Json(array.as_string()),
            DataType::Utf8 => Values::Text(array.as_string()),
            DataType::Binary => Values::Binary(array.as_binary()),
            DataType::FixedSizeBinary(_) => Values::FixedBinary(array.as_fixed_size_binary()),
            kind => match kind.primitive_width() {
                Some(width) => fixed(array, width)?,
                None => {
                    let options = FormatOptions::new();
                    Values::Printed(Box::new(ArrayFormatter::try_new(array, &options)?))
                }
            },
        };
        Ok(Self { nulls: array.nulls(), values })
    }

    /// Appends the form of a row's value.
    pub(super) fn write(&self, row: usize, form: &mut Vec<u8>) {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            form.push(NONE);
            return;
        }
        form.push(SOME);
        match &self.values {
            Values::Boolean(values) => form.push(u8::from(values.value(row))),
            Values::Single(values) => {
                let number = values.value(row);
                let number = if number.is_nan() { f32::NAN } else { number + 0.0 };
                form.extend_from_slice(&number.to_le_bytes());
            }
            Values::Double(values) => {
                let number = values.value(row);
                let number = if number.is_nan() { f64::NAN } else { number + 0.0 };
                form.extend_from_slice(&number.to_le_bytes());
            }
            Values::Fixed { values, offset, width } => {
                let begin = (offset + row) * width;
                form.extend_from_slice(&values[begin..begin + width]);
            }
            Values::FixedBinary(values) => form.extend_from_slice(values.value(row)),
            Values::Text(values) => long(form, values.value(row).as_bytes()),
            Values::Binary(values) => long(form, values.value(row)),
            Values::Json(values) => {
                let text = values.value(row);
                match canonical(text) {
                    Some(value) => long(form, &value),
                    None => long(form, text.as_bytes()),
                }
            }
            Values::Printed(printed) => long(form, printed.value(row).to_string().as_bytes()),
        }
    }
}

fn fixed<'a>(array: &ArrayRef, width: usize) -> Result<Values<'a>, ArrowError> {
    let data = array.to_data();
    let values = data.buffers().first().cloned();
    let values = values.filter(|values| values.len() >= (data.offset() + data.len()) * width);
    let values = values.ok_or_else(|| {
        ArrowError::InvalidArgumentError("a column lacks values of its type".to_owned())
    })?;
    Ok(Values::Fixed { values, offset: data.offset(), width })
}

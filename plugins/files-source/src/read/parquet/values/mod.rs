//! Values out of Arrow arrays of any type that Parquet has.

pub mod json;
mod time;

use cartridge_warp_sdk::arrow_array::cast::AsArray;
use cartridge_warp_sdk::arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use cartridge_warp_sdk::arrow_array::{Array, ArrayRef};
use cartridge_warp_sdk::arrow_buffer::i256;
use cartridge_warp_sdk::arrow_schema::DataType;
use cartridge_warp_sdk::{ColumnType, Value};

use super::types;

/// A value, or why the model has none that is equal.
pub type Read<'a> = Result<Value<'a>, String>;

/// One value.
///
/// # Errors
/// When the model has no equal value: a time finer than a microsecond, for instance.
pub fn value(array: &ArrayRef, row: usize) -> Read<'_> {
    // An array of the type without values says of none that it is null.
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return Ok(Value::Null);
    }
    match array.data_type() {
        DataType::Boolean => Ok(Value::Bool(array.as_boolean().value(row))),
        DataType::Utf8 => Ok(Value::Str(array.as_string::<i32>().value(row))),
        DataType::LargeUtf8 => Ok(Value::Str(array.as_string::<i64>().value(row))),
        DataType::Utf8View => Ok(Value::Str(array.as_string_view().value(row))),
        DataType::Binary => Ok(Value::Bytes(array.as_binary::<i32>().value(row))),
        DataType::LargeBinary => Ok(Value::Bytes(array.as_binary::<i64>().value(row))),
        DataType::BinaryView => Ok(Value::Bytes(array.as_binary_view().value(row))),
        DataType::FixedSizeBinary(_) => Ok(Value::Bytes(array.as_fixed_size_binary().value(row))),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            value(dictionary.values(), key)
        }
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
            time::time(array, row)
        }
        DataType::Timestamp(..) => time::timestamp(array, row),
        other if is_number(other) => number(array, row),
        _ => nested(array, row),
    }
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

fn number(array: &ArrayRef, row: usize) -> Read<'_> {
    macro_rules! of {
        ($type:ty) => {
            array.as_primitive::<$type>().value(row)
        };
    }
    let decimal = |unscaled: i256, scale: i8| Value::Decimal { unscaled, scale };
    Ok(match array.data_type() {
        DataType::Int8 => Value::I64(of!(Int8Type).into()),
        DataType::Int16 => Value::I64(of!(Int16Type).into()),
        DataType::Int32 => Value::I64(of!(Int32Type).into()),
        DataType::Int64 => Value::I64(of!(Int64Type)),
        DataType::UInt8 => Value::I64(of!(UInt8Type).into()),
        DataType::UInt16 => Value::I64(of!(UInt16Type).into()),
        DataType::UInt32 => Value::I64(of!(UInt32Type).into()),
        DataType::UInt64 => Value::U64(of!(UInt64Type)),
        DataType::Float16 => Value::F64(of!(Float16Type).into()),
        DataType::Float32 => Value::F64(of!(Float32Type).into()),
        DataType::Float64 => Value::F64(of!(Float64Type)),
        DataType::Decimal32(_, scale) => {
            decimal(i256::from_i128(of!(Decimal32Type).into()), *scale)
        }
        DataType::Decimal64(_, scale) => {
            decimal(i256::from_i128(of!(Decimal64Type).into()), *scale)
        }
        DataType::Decimal128(_, scale) => decimal(i256::from_i128(of!(Decimal128Type)), *scale),
        DataType::Decimal256(_, scale) => decimal(of!(Decimal256Type), *scale),
        other => return Err(unsupported(other)),
    })
}

/// Why a value of this type cannot travel.
pub fn unsupported(data_type: &DataType) -> String {
    format!("the type {data_type} is not supported")
}

fn nested(array: &ArrayRef, row: usize) -> Read<'_> {
    match (items(array, row), types::of_arrow(array.data_type())) {
        (Some((items, from, to)), ColumnType::Array(_)) => {
            (from..to).map(|at| value(items, at)).collect::<Result<_, _>>().map(Value::List)
        }
        _ => json::value(array, row).map(|text| Value::Json(text.into())),
    }
}

/// The items of a list and where the row's begin and end.
pub fn items(array: &ArrayRef, row: usize) -> Option<(&ArrayRef, usize, usize)> {
    let (items, from, length) = match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let from = list.value_offsets()[row] as usize;
            (list.values(), from, list.value_offsets()[row + 1] as usize - from)
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let from = list.value_offsets()[row] as usize;
            (list.values(), from, list.value_offsets()[row + 1] as usize - from)
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            (list.values(), list.value_offset(row) as usize, list.value_size(row) as usize)
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            (list.values(), list.value_offset(row) as usize, list.value_size(row) as usize)
        }
        DataType::FixedSizeList(_, length) => {
            let list = array.as_fixed_size_list();
            (list.values(), list.value_offset_at(row), *length as usize)
        }
        _ => return None,
    };
    Some((items, from, from + length))
}

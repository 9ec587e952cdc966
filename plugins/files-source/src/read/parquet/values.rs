//! Values out of Arrow arrays of any type that Parquet has.

use cartridge_warp_sdk::Value;
use cartridge_warp_sdk::arrow_array::cast::AsArray;
use cartridge_warp_sdk::arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use cartridge_warp_sdk::arrow_array::{Array, ArrayRef};
use cartridge_warp_sdk::arrow_buffer::i256;
use cartridge_warp_sdk::arrow_schema::{DataType, TimeUnit};
use serde_json::Value as Json;

use super::types::column_type;

type Read<'a> = Result<Value<'a>, String>;

/// One value.
///
/// # Errors
/// When it is finer than a microsecond, which the model's times are not.
pub fn value(array: &ArrayRef, row: usize) -> Read<'_> {
    if array.is_null(row) {
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
            time(array, row)
        }
        DataType::Timestamp(..) => timestamp(array, row),
        DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) | DataType::Map(..) => {
            nested(array, row)
        }
        _ => number(array, row),
    }
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
        other => return Err(format!("the type {other} is not supported")),
    })
}

/// Nanoseconds to microseconds, if none are lost.
fn from_nanos(nanos: i64) -> Result<i64, String> {
    if nanos % 1000 == 0 { Ok(nanos / 1000) } else { Err("finer than a microsecond".to_owned()) }
}

fn scaled(number: i64, factor: i64) -> Result<i64, String> {
    number.checked_mul(factor).ok_or_else(|| "beyond the range of timestamps".to_owned())
}

fn time(array: &ArrayRef, row: usize) -> Read<'_> {
    Ok(match array.data_type() {
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Date64 => {
            let days = array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000);
            Value::Date(i32::try_from(days).map_err(|_| "beyond the range of dates")?)
        }
        DataType::Time32(TimeUnit::Second) => {
            Value::Time(i64::from(array.as_primitive::<Time32SecondType>().value(row)) * 1_000_000)
        }
        DataType::Time32(_) => {
            Value::Time(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)) * 1000)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            Value::Time(from_nanos(array.as_primitive::<Time64NanosecondType>().value(row))?)
        }
        _ => Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row)),
    })
}

fn timestamp(array: &ArrayRef, row: usize) -> Read<'_> {
    let DataType::Timestamp(unit, zone) = array.data_type() else {
        return Err("not a timestamp".to_owned());
    };
    let micros = match unit {
        TimeUnit::Second => {
            scaled(array.as_primitive::<TimestampSecondType>().value(row), 1_000_000)?
        }
        TimeUnit::Millisecond => {
            scaled(array.as_primitive::<TimestampMillisecondType>().value(row), 1000)?
        }
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => {
            from_nanos(array.as_primitive::<TimestampNanosecondType>().value(row))?
        }
    };
    Ok(if zone.is_some() { Value::TimestampTz(micros) } else { Value::Timestamp(micros) })
}

fn nested(array: &ArrayRef, row: usize) -> Read<'_> {
    if column_type(array.data_type()) == cartridge_warp_sdk::ColumnType::Json {
        return Ok(Value::Json(json(array, row).to_string().into()));
    }
    let (items, from, to) = items(array, row).ok_or("not a list")?;
    (from..to).map(|at| value(items, at)).collect::<Result<_, _>>().map(Value::List)
}

/// The items of a list and where the row's begin and end.
fn items(array: &ArrayRef, row: usize) -> Option<(&ArrayRef, usize, usize)> {
    match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            Some((list.values(), offsets[row] as usize, offsets[row + 1] as usize))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let offsets = list.value_offsets();
            Some((list.values(), offsets[row] as usize, offsets[row + 1] as usize))
        }
        _ => None,
    }
}

/// One value as JSON; keys of maps that are no text become it.
pub fn json(array: &ArrayRef, row: usize) -> Json {
    if array.is_null(row) {
        return Json::Null;
    }
    match array.data_type() {
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let field = |(field, column): (&std::sync::Arc<_>, &ArrayRef)| {
                let field: &cartridge_warp_sdk::arrow_schema::Field = field;
                (field.name().clone(), json(column, row))
            };
            Json::Object(columns.map(field).collect())
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let offsets = map.value_offsets();
            let entry = |at| match json(map.keys(), at) {
                Json::String(key) => (key, json(map.values(), at)),
                other => (other.to_string(), json(map.values(), at)),
            };
            let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
            Json::Object((from..to).map(entry).collect())
        }
        DataType::List(_) | DataType::LargeList(_) => match items(array, row) {
            Some((items, from, to)) => Json::Array((from..to).map(|at| json(items, at)).collect()),
            None => Json::Null,
        },
        _ => value(array, row).map_or(Json::Null, |value| value.to_json()),
    }
}

//! Dates, times and moments, which the model has to the microsecond.

use cartridge_warp_sdk::Value;
use cartridge_warp_sdk::arrow_array::ArrayRef;
use cartridge_warp_sdk::arrow_array::cast::AsArray;
use cartridge_warp_sdk::arrow_array::types::{
    Date32Type, Date64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use cartridge_warp_sdk::arrow_schema::{DataType, TimeUnit};

use super::leaves::{BEYOND, FINER};
use super::values::{Read, unsupported};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Nanoseconds to microseconds, if none are lost.
fn from_nanos(nanos: i64) -> Result<i64, String> {
    if nanos % 1000 == 0 { Ok(nanos / 1000) } else { Err("finer than a microsecond".to_owned()) }
}

fn scaled(number: i64, factor: i64) -> Result<i64, String> {
    number.checked_mul(factor).ok_or_else(|| "beyond the range of timestamps".to_owned())
}

/// A date or a time of day.
pub fn time(array: &ArrayRef, row: usize) -> Read<'_> {
    Ok(match array.data_type() {
        DataType::Date32 => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Date64 => {
            let millis = array.as_primitive::<Date64Type>().value(row);
            if millis % MILLIS_PER_DAY != 0 {
                return Err("a date that is no whole day".to_owned());
            }
            let days = i32::try_from(millis / MILLIS_PER_DAY);
            Value::Date(days.map_err(|_| "beyond the range of dates")?)
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
        DataType::Time64(_) => {
            Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row))
        }
        other => return Err(unsupported(other)),
    })
}

/// A moment, or a wall clock's reading.
pub fn timestamp(array: &ArrayRef, row: usize) -> Read<'_> {
    let DataType::Timestamp(unit, zone) = array.data_type() else {
        return Err(unsupported(array.data_type()));
    };
    let micros = match unit {
        TimeUnit::Second => {
            scaled(array.as_primitive::<TimestampSecondType>().value(row), 1_000_000)?
        }
        TimeUnit::Millisecond => {
            scaled(array.as_primitive::<TimestampMillisecondType>().value(row), 1000)?
        }
        TimeUnit::Microsecond => {
            match array.as_primitive::<TimestampMicrosecondType>().value(row) {
                FINER => return Err("finer than a microsecond".to_owned()),
                BEYOND => return Err("beyond the range of timestamps".to_owned()),
                micros => micros,
            }
        }
        TimeUnit::Nanosecond => {
            from_nanos(array.as_primitive::<TimestampNanosecondType>().value(row))?
        }
    };
    Ok(if zone.is_some() { Value::TimestampTz(micros) } else { Value::Timestamp(micros) })
}

//! Leaves of columns that Arrow's types do not hold as the model needs them.
//!
//! - INT96 is a day and nanoseconds within it. As nanoseconds it wraps after the year 2262, as
//!   seconds it loses digits; both readings together say it exactly.
//! - INTERVAL is months, days and milliseconds. The `parquet` crate reads either the months or the
//!   rest, so it is read twice, too.
//! - Durations and intervals become ISO 8601 text, `PT90.5S` and `P1M2DT0.25S`.
//!
//! The rest is read once and stays as it is.

use std::sync::Arc;

use cartridge_warp_sdk::arrow_array::cast::AsArray;
use cartridge_warp_sdk::arrow_array::types::{
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Int64Type, IntervalDayTimeType, IntervalYearMonthType, TimestampMicrosecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use cartridge_warp_sdk::arrow_array::{
    Array, ArrayRef, PrimitiveArray, StringArray, cast::as_primitive_array, make_array,
};
use cartridge_warp_sdk::arrow_schema::{
    ArrowError, DataType, Field, Fields, IntervalUnit, Schema, TimeUnit,
};
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::schema::types::SchemaDescriptor;

/// Stands for an INT96 that is finer than a microsecond.
pub const FINER: i64 = i64::MIN;
/// Stands for an INT96 whose microseconds no 64 bits hold.
pub const BEYOND: i64 = i64::MIN + 1;

/// How the columns of one file are read.
pub struct Readings {
    /// What the first reading asks the `parquet` crate for.
    pub first: Schema,
    /// What the second one asks for, where there is one.
    pub second: Option<Schema>,
    /// What comes of them.
    pub whole: Schema,
}

/// Decides how to read columns of which the `parquet` crate says this schema.
pub fn readings(schema: &Schema, columns: &SchemaDescriptor) -> Readings {
    let map = |as_read: &dyn Fn(&Kind, &DataType) -> DataType| {
        let mut at = 0;
        let mut leaf = |data_type: &DataType| {
            let kind = Kind::of(columns, at);
            at += 1;
            as_read(&kind, data_type)
        };
        let fields: Fields =
            schema.fields().iter().map(|field| Arc::new(map_leaves(field, &mut leaf))).collect();
        Schema::new_with_metadata(fields, schema.metadata().clone())
    };
    let first = map(&|kind, data_type| match (kind, data_type) {
        (Kind::Int96, DataType::Timestamp(_, zone)) => {
            DataType::Timestamp(TimeUnit::Second, zone.clone())
        }
        (Kind::Interval, _) => DataType::Interval(IntervalUnit::DayTime),
        (Kind::Enum, DataType::Binary) => DataType::Utf8,
        (_, other) => other.clone(),
    });
    let second = map(&|kind, data_type| match (kind, data_type) {
        (Kind::Int96, DataType::Timestamp(_, zone)) => {
            DataType::Timestamp(TimeUnit::Nanosecond, zone.clone())
        }
        (Kind::Interval, _) => DataType::Interval(IntervalUnit::YearMonth),
        (Kind::Enum, DataType::Binary) => DataType::Utf8,
        (_, other) => other.clone(),
    });
    let whole = map(&|kind, data_type| match (kind, data_type) {
        (Kind::Int96, DataType::Timestamp(_, zone)) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        (Kind::Interval, _) | (_, DataType::Duration(_)) => DataType::Utf8,
        (Kind::Enum, DataType::Binary) => DataType::Utf8,
        (_, other) => other.clone(),
    });
    let second = (second != first).then_some(second);
    Readings { first, second, whole }
}

/// What a leaf is in the file.
enum Kind {
    Int96,
    Interval,
    Enum,
    Other,
}

impl Kind {
    fn of(columns: &SchemaDescriptor, at: usize) -> Self {
        if at >= columns.num_columns() {
            return Self::Other;
        }
        let column = columns.column(at);
        match (column.physical_type(), column.converted_type(), column.logical_type_ref()) {
            (PhysicalType::INT96, ..) => Self::Int96,
            (_, ConvertedType::INTERVAL, _) => Self::Interval,
            (_, _, Some(LogicalType::Enum)) | (_, ConvertedType::ENUM, _) => Self::Enum,
            _ => Self::Other,
        }
    }
}

/// The field with each leaf's type replaced, in the order of the file's columns.
fn map_leaves(field: &Field, leaf: &mut impl FnMut(&DataType) -> DataType) -> Field {
    let mut item = |item: &Field| Arc::new(map_leaves(item, leaf));
    let data_type = match field.data_type() {
        DataType::List(inner) => DataType::List(item(inner)),
        DataType::LargeList(inner) => DataType::LargeList(item(inner)),
        DataType::ListView(inner) => DataType::ListView(item(inner)),
        DataType::LargeListView(inner) => DataType::LargeListView(item(inner)),
        DataType::FixedSizeList(inner, size) => DataType::FixedSizeList(item(inner), *size),
        DataType::Map(inner, sorted) => DataType::Map(item(inner), *sorted),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| item(field)).collect())
        }
        other => leaf(other),
    };
    field.clone().with_data_type(data_type)
}

/// One column of both readings as the type that it is to have.
pub fn whole(
    first: &ArrayRef,
    second: &ArrayRef,
    target: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let (have, other) = (first.data_type(), second.data_type());
    if have == target && have == other {
        return Ok(Arc::clone(first));
    }
    match (have, other) {
        (DataType::Timestamp(TimeUnit::Second, zone), DataType::Timestamp(_, _)) => {
            Ok(Arc::new(moments(first, second).with_timezone_opt(zone.clone())))
        }
        (DataType::Interval(_), _) => Ok(Arc::new(intervals(first, second))),
        (DataType::Duration(unit), _) => Ok(Arc::new(durations(first, *unit))),
        _ => {
            let (data, other) = (first.to_data(), second.to_data());
            let pairs = data.child_data().iter().zip(other.child_data());
            let parts = pairs.zip(part_types(target)).map(|((first, second), target)| {
                let (first, second) = (make_array(first.clone()), make_array(second.clone()));
                whole(&first, &second, target).map(|array| array.to_data())
            });
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            data.into_builder().data_type(target.clone()).child_data(parts).build().map(make_array)
        }
    }
}

fn part_types(data_type: &DataType) -> Vec<&DataType> {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => vec![item.data_type()],
        _ => Vec::new(),
    }
}

/// Microseconds of INT96, from its seconds and its nanoseconds, which wrap.
fn moments(seconds: &ArrayRef, nanos: &ArrayRef) -> PrimitiveArray<TimestampMicrosecondType> {
    const NANOS: i64 = 1_000_000_000;
    let seconds = as_primitive_array::<TimestampSecondType>(seconds);
    let nanos = as_primitive_array::<TimestampNanosecondType>(nanos);
    let micros = seconds.values().iter().zip(nanos.values()).map(|(seconds, nanos)| {
        let within = nanos.wrapping_sub(seconds.wrapping_mul(NANOS));
        if within % 1000 != 0 {
            return FINER;
        }
        let whole =
            seconds.checked_mul(1_000_000).and_then(|whole| whole.checked_add(within / 1000));
        whole.filter(|micros| *micros > BEYOND).unwrap_or(BEYOND)
    });
    PrimitiveArray::new(micros.collect::<Vec<_>>().into(), seconds.nulls().cloned())
}

fn intervals(days: &ArrayRef, months: &ArrayRef) -> StringArray {
    let days = days.as_primitive::<IntervalDayTimeType>();
    let months = months.as_primitive::<IntervalYearMonthType>();
    let text = |(months, rest): (Option<i32>, Option<_>)| {
        let rest: <IntervalDayTimeType as cartridge_warp_sdk::arrow_array::ArrowPrimitiveType>::Native = rest?;
        Some(interval(months?, rest.days, rest.milliseconds))
    };
    months.iter().zip(days.iter()).map(text).collect()
}

fn interval(months: i32, days: i32, millis: i32) -> String {
    let mut text = "P".to_owned();
    if months != 0 {
        text += &format!("{months}M");
    }
    if days != 0 {
        text += &format!("{days}D");
    }
    if millis != 0 || text.len() == 1 {
        text += &format!("T{}S", seconds(millis.into(), 1_000));
    }
    text
}

fn durations(array: &ArrayRef, unit: TimeUnit) -> StringArray {
    macro_rules! of {
        ($type:ty, $per_second:expr) => {{
            let array = array.as_primitive::<$type>();
            let numbers = array.reinterpret_cast::<Int64Type>();
            let text = |count: i64| format!("PT{}S", seconds(count, $per_second));
            numbers.iter().map(|count| count.map(text)).collect()
        }};
    }
    match unit {
        TimeUnit::Second => of!(DurationSecondType, 1),
        TimeUnit::Millisecond => of!(DurationMillisecondType, 1_000),
        TimeUnit::Microsecond => of!(DurationMicrosecondType, 1_000_000),
        TimeUnit::Nanosecond => of!(DurationNanosecondType, 1_000_000_000),
    }
}

/// A count of parts of a second as seconds, with all digits and no more.
fn seconds(count: i64, per_second: u64) -> String {
    let (sign, count) = (if count < 0 { "-" } else { "" }, count.unsigned_abs());
    let (whole, part) = (count / per_second, count % per_second);
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let digits = per_second.ilog10() as usize;
    let fraction = format!("{part:0digits$}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_with_all_their_digits() {
        for ((months, days, millis), expected) in [
            ((0, 0, 0), "PT0S"),
            ((1, 2, 250), "P1M2DT0.25S"),
            ((0, -1, 0), "P-1D"),
            ((14, 0, 90_000), "P14MT90S"),
        ] {
            assert_eq!(interval(months, days, millis), expected);
        }
        for (count, per_second, expected) in
            [(90, 1, "90"), (-1, 1_000_000_000, "-0.000000001"), (1_500, 1_000, "1.5")]
        {
            assert_eq!(seconds(count, per_second), expected);
        }
        assert_eq!(seconds(i64::MIN, 1), "-9223372036854775808");
    }
}

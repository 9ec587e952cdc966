//! Arrow values as SQLite parameters.
//!
//! A column's type is looked at once per batch, not once per value.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int32Array, Int64Array, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow_schema::DataType;
use cartridge_warp_sdk::{TableRows, Value};
use rusqlite::types::Null;
use rusqlite::{Result, Statement, ToSql};

use crate::text;

/// One column of a batch.
pub(crate) enum Cells<'a> {
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Text(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a Date32Array),
    Time(&'a Time64MicrosecondArray),
    Timestamp {
        values: &'a TimestampMicrosecondArray,
        zoned: bool,
    },
    Decimal {
        values: &'a Decimal128Array,
        scale: i8,
    },
    Uuid(&'a FixedSizeBinaryArray),
    /// Rare types, value by value.
    Other {
        rows: &'a TableRows,
        column: usize,
    },
}

impl<'a> Cells<'a> {
    pub(crate) fn of(rows: &'a TableRows, column: usize) -> Self {
        let array = rows.array(column);
        match array.data_type() {
            DataType::Int32 => Self::Int32(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Self::Int64(array.as_primitive::<Int64Type>()),
            DataType::Float32 => Self::Float32(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Self::Float64(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::Date32 => Self::Date(array.as_primitive::<Date32Type>()),
            DataType::Time64(_) => Self::Time(array.as_primitive::<Time64MicrosecondType>()),
            DataType::Timestamp(_, zone) => Self::Timestamp {
                values: array.as_primitive::<TimestampMicrosecondType>(),
                zoned: zone.is_some(),
            },
            DataType::Decimal128(_, scale) => {
                Self::Decimal { values: array.as_primitive::<Decimal128Type>(), scale: *scale }
            }
            DataType::FixedSizeBinary(_) => Self::Uuid(array.as_fixed_size_binary()),
            _ => Self::Other { rows, column },
        }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Int32(values) => values.is_null(row),
            Self::Int64(values) => values.is_null(row),
            Self::Float32(values) => values.is_null(row),
            Self::Float64(values) => values.is_null(row),
            Self::Boolean(values) => values.is_null(row),
            Self::Text(values) => values.is_null(row),
            Self::Binary(values) => values.is_null(row),
            Self::Date(values) => values.is_null(row),
            Self::Time(values) => values.is_null(row),
            Self::Timestamp { values, .. } => values.is_null(row),
            Self::Decimal { values, .. } => values.is_null(row),
            Self::Uuid(values) => values.is_null(row),
            Self::Other { rows, column } => rows.array(*column).is_null(row),
        }
    }

    /// Binds the value of a row. `scratch` is reused for text that has to be written first.
    pub(crate) fn bind(
        &self,
        row: usize,
        to: &mut Parameters<'_, '_>,
        scratch: &mut String,
    ) -> Result<()> {
        if self.is_null(row) {
            return to.bind(Null);
        }
        scratch.clear();
        match self {
            Self::Int32(values) => return to.bind(values.value(row)),
            Self::Int64(values) => return to.bind(values.value(row)),
            Self::Float32(values) => return to.real(f64::from(values.value(row))),
            Self::Float64(values) => return to.real(values.value(row)),
            Self::Boolean(values) => return to.bind(values.value(row)),
            Self::Text(values) => return to.bind(values.value(row)),
            Self::Binary(values) => return to.bind(values.value(row)),
            Self::Other { rows, column } => return other(&rows.value(row, *column), to),
            Self::Date(values) => text::date(scratch, i64::from(values.value(row))),
            Self::Time(values) => text::time(scratch, values.value(row)),
            Self::Timestamp { values, zoned } => {
                text::timestamp(scratch, values.value(row));
                if *zoned {
                    scratch.push('Z');
                }
            }
            Self::Decimal { values, scale } => text::decimal(scratch, values.value(row), *scale),
            Self::Uuid(values) => text::uuid(scratch, values.value(row)),
        }
        to.bind(scratch.as_str())
    }
}

fn other(value: &Value<'_>, to: &mut Parameters<'_, '_>) -> Result<()> {
    match value {
        Value::Null => to.bind(Null),
        Value::I64(number) => to.bind(number),
        Value::Decimal { unscaled, scale } => {
            let mut out = String::new();
            text::wide_decimal(&mut out, *unscaled, *scale);
            to.bind(out)
        }
        // Unsigned 64-bit numbers and lists: the first beyond SQLite's integers, the second as JSON.
        value => to.bind(value.to_string()),
    }
}

/// Parameters of a statement, bound from the first on.
pub(crate) struct Parameters<'s, 'c> {
    statement: &'s mut Statement<'c>,
    bound: usize,
}

impl<'s, 'c> Parameters<'s, 'c> {
    pub(crate) fn of(statement: &'s mut Statement<'c>) -> Self {
        Self { statement, bound: 0 }
    }

    pub(crate) fn bind(&mut self, value: impl ToSql) -> Result<()> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }

    /// SQLite would store NaN as NULL, so it becomes the text `NaN`; infinities are numbers to it.
    fn real(&mut self, value: f64) -> Result<()> {
        if value.is_nan() { self.bind("NaN") } else { self.bind(value) }
    }
}

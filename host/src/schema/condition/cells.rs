//! Values of a column in a form in which they compare.
//!
//! Numbers compare by value, floats with NaN as the greatest, which is equal to itself; texts compare
//! by their characters' numbers, whatever order a language would give them.

use std::cmp::Ordering;

use arrow_array::{
    Array, ArrayRef, Decimal256Array, FixedSizeBinaryArray, Float64Array, Int64Array, StringArray,
    cast::AsArray,
    types::{Decimal256Type, Float64Type, Int64Type},
};
use arrow_buffer::i256;
use arrow_cast::{CastOptions, cast_with_options, display::FormatOptions};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};

use crate::{
    model::ColumnType,
    schema::{compare::is_unseen, convert::has_own_type},
};

/// Digits of the decimal numbers that all others fit.
const DIGITS_MAX: u8 = 76;

/// A column that a condition names.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// As the table has it; none where nobody has seen it yet.
    pub field: Option<FieldRef>,
    pub kind: Kind,
}

/// How values of a column compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole and decimal numbers.
    Exact {
        /// Digits behind the point.
        scale: i8,
    },
    Float {
        /// Has 32 bits.
        is_small: bool,
    },
    Boolean,
    /// Dates, times and moments.
    Time(ColumnType),
    Text,
    /// Text that stands for values of a type of the source, whose order is another one.
    Foreign,
    Uuid,
    /// What only is there or not.
    Opaque,
    /// The source has not seen a value yet, so the type is a guess.
    Unseen,
}

impl Kind {
    pub fn of(field: &Field) -> Self {
        match field.data_type() {
            _ if is_unseen(field) => Self::Unseen,
            kind if kind.is_integer() => Self::Exact { scale: 0 },
            DataType::Float32 => Self::Float { is_small: true },
            DataType::Float64 => Self::Float { is_small: false },
            DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) if *scale >= 0 => {
                Self::Exact { scale: *scale }
            }
            _ => match ColumnType::of(field) {
                Some(ColumnType::Boolean) => Self::Boolean,
                Some(
                    time @ (ColumnType::Date
                    | ColumnType::Time
                    | ColumnType::Timestamp
                    | ColumnType::Timestamptz),
                ) => Self::Time(time),
                Some(ColumnType::Text) if has_own_type(field) => Self::Foreign,
                Some(ColumnType::Text) => Self::Text,
                Some(ColumnType::Uuid) => Self::Uuid,
                _ => Self::Opaque,
            },
        }
    }
}

/// The values of a column.
#[derive(Debug)]
pub enum Cells {
    Exact(Decimal256Array, i8),
    Float(Float64Array),
    /// Days, microseconds or truth values.
    Whole(Int64Array),
    Text(StringArray),
    Uuid(FixedSizeBinaryArray),
    /// What does not compare.
    Opaque(ArrayRef),
}

impl Cells {
    /// Values of a column that compare like this.
    pub fn of(values: &ArrayRef, kind: Kind) -> Result<Self, ArrowError> {
        let cast = |to: &DataType| {
            let exactly = CastOptions { safe: false, format_options: FormatOptions::new() };
            cast_with_options(values, to, &exactly)
        };
        let cells = match kind {
            Kind::Exact { scale } => {
                let numbers = cast(&DataType::Decimal256(DIGITS_MAX, scale))?;
                Some(Self::Exact(numbers.as_primitive::<Decimal256Type>().clone(), scale))
            }
            Kind::Float { .. } => {
                let numbers = cast(&DataType::Float64)?;
                Some(Self::Float(numbers.as_primitive::<Float64Type>().clone()))
            }
            Kind::Boolean | Kind::Time(_) => {
                let numbers = cast(&DataType::Int64)?;
                Some(Self::Whole(numbers.as_primitive::<Int64Type>().clone()))
            }
            Kind::Text | Kind::Foreign => {
                values.as_string_opt::<i32>().map(|it| Self::Text(it.clone()))
            }
            Kind::Uuid => values.as_fixed_size_binary_opt().map(|it| Self::Uuid(it.clone())),
            Kind::Opaque | Kind::Unseen => None,
        };
        Ok(cells.unwrap_or_else(|| Self::Opaque(ArrayRef::clone(values))))
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Exact(values, _) => values.is_null(row),
            Self::Float(values) => values.is_null(row),
            Self::Whole(values) => values.is_null(row),
            Self::Text(values) => values.is_null(row),
            Self::Uuid(values) => values.is_null(row),
            Self::Opaque(values) => values.is_null(row),
        }
    }

    /// The text of a row that has one.
    pub fn text(&self, row: usize) -> Option<&str> {
        match self {
            Self::Text(values) if values.is_valid(row) => Some(values.value(row)),
            _ => None,
        }
    }

    /// The order of the values of two columns in a row where both have one.
    pub fn order(&self, other: &Self, row: usize) -> Option<Ordering> {
        if self.is_null(row) || other.is_null(row) {
            return None;
        }
        match (self, other) {
            (Self::Exact(one, scale), Self::Exact(two, other)) => {
                Some(exact_order((one.value(row), *scale), (two.value(row), *other)))
            }
            (Self::Float(one), Self::Float(two)) => {
                Some(float_order(one.value(row), two.value(row)))
            }
            (Self::Whole(one), Self::Whole(two)) => Some(one.value(row).cmp(&two.value(row))),
            (Self::Text(one), Self::Text(two)) => Some(one.value(row).cmp(two.value(row))),
            (Self::Uuid(one), Self::Uuid(two)) => Some(one.value(row).cmp(two.value(row))),
            _ => None,
        }
    }
}

/// NaN is the greatest, and equal to itself; the two zeros are one.
pub fn float_order(one: f64, two: f64) -> Ordering {
    one.partial_cmp(&two).unwrap_or_else(|| one.is_nan().cmp(&two.is_nan()))
}

/// Of two numbers with their digits behind the point.
fn exact_order((one, scale): (i256, i8), (two, other): (i256, i8)) -> Ordering {
    let shift = u32::from(scale.abs_diff(other));
    let shifted = |number: i256| {
        let power = i256::from_i128(10).checked_pow(shift)?;
        number.checked_mul(power)
    };
    // What is too large with the other's digits is beyond each of them.
    match scale.cmp(&other) {
        Ordering::Less => shifted(one).map_or_else(|| one.cmp(&i256::ZERO), |one| one.cmp(&two)),
        Ordering::Equal => one.cmp(&two),
        Ordering::Greater => shifted(two).map_or_else(|| i256::ZERO.cmp(&two), |two| one.cmp(&two)),
    }
}

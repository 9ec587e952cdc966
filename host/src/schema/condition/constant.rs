//! A value that is written down, in the form of the column that it is compared with.

use std::{cmp::Ordering, sync::Arc};

use arrow_array::{Array, ArrayRef, StringArray, cast::AsArray, types::Int64Type};
use arrow_buffer::i256;
use arrow_cast::cast;
use arrow_schema::DataType;

use super::cells::{Cells, Kind, float_order};
use crate::{
    model::{ColumnType, Literal},
    schema::convert,
};

/// A value that columns of one kind compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// The largest number of the column's digits that is no larger, and whether it is that number.
    Exact {
        floor: i256,
        is_it: bool,
    },
    Float(f64),
    Whole(i64),
    Text(String),
    Uuid(Vec<u8>),
}

impl Constant {
    /// None where no value of the kind is written like that.
    pub fn of(literal: &Literal, kind: Kind) -> Option<Self> {
        match (literal, kind) {
            (Literal::Number(digits), Kind::Exact { scale }) => exact(digits, scale),
            // The value that the column has for it.
            (Literal::Number(digits), Kind::Float { is_small: true }) => {
                let number = digits.parse::<f32>().ok().filter(|number| number.is_finite());
                number.map(|number| Self::Float(number.into()))
            }
            (Literal::Number(digits), Kind::Float { is_small: false }) => {
                digits.parse().ok().map(Self::Float)
            }
            (Literal::Boolean(value), Kind::Boolean) => Some(Self::Whole((*value).into())),
            (Literal::Text(text), Kind::Text | Kind::Foreign) => Some(Self::Text(text.clone())),
            (Literal::Text(text), Kind::Time(time)) => {
                let value = cast(&read(text, time)?, &DataType::Int64).ok()?;
                Some(Self::Whole(value.as_primitive::<Int64Type>().value(0)))
            }
            (Literal::Text(text), Kind::Uuid) => {
                let value = read(text, ColumnType::Uuid)?;
                Some(Self::Uuid(value.as_fixed_size_binary_opt()?.value(0).to_vec()))
            }
            _ => None,
        }
    }

    /// The order of a row's value and this one; none where the row has none.
    pub fn order(&self, cells: &Cells, row: usize) -> Option<Ordering> {
        if cells.is_null(row) {
            return None;
        }
        match (cells, self) {
            (Cells::Exact(values, _), Self::Exact { floor, is_it }) => {
                Some(values.value(row).cmp(floor).then(match is_it {
                    true => Ordering::Equal,
                    false => Ordering::Less,
                }))
            }
            (Cells::Float(values), Self::Float(number)) => {
                Some(float_order(values.value(row), *number))
            }
            (Cells::Whole(values), Self::Whole(number)) => Some(values.value(row).cmp(number)),
            (Cells::Text(values), Self::Text(text)) => Some(values.value(row).cmp(text.as_str())),
            (Cells::Uuid(values), Self::Uuid(bytes)) => {
                Some(values.value(row).cmp(bytes.as_slice()))
            }
            _ => None,
        }
    }
}

/// What a text says as a value of a type, as `columns.types` would read it.
fn read(text: &str, to: ColumnType) -> Option<ArrayRef> {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let converted = convert(&texts, &ColumnType::Text.field("literal"), to).ok()?;
    converted.values.is_valid(0).then_some(converted.values)
}

/// A number among those with so many digits behind the point. One beyond all of them is next to the last.
fn exact(digits: &str, scale: i8) -> Option<Constant> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = i256::from_string(&format!("{whole}{fraction}"))?;
    let ten = i256::from_i128(10);
    let (scale, behind) = (usize::try_from(scale).ok()?, fraction.len());
    if let Some(more) = scale.checked_sub(behind) {
        let shifted =
            ten.checked_pow(u32::try_from(more).ok()?).and_then(|it| number.checked_mul(it));
        let beyond = if number.is_negative() { i256::MIN } else { i256::MAX };
        return Some(match shifted {
            Some(floor) => Constant::Exact { floor, is_it: true },
            None => Constant::Exact { floor: beyond, is_it: false },
        });
    }
    let power = ten.checked_pow(u32::try_from(behind - scale).ok()?)?;
    let (quotient, rest) = (number.checked_div(power)?, number.checked_rem(power)?);
    let floor = if rest.is_negative() { quotient.checked_sub(i256::ONE)? } else { quotient };
    Some(Constant::Exact { floor, is_it: rest == i256::ZERO })
}

//! Whole numbers for a column of another size: a `smallint`, or a `bigint` that was made wider.

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int16Type, Int32Type, UInt8Type, UInt16Type};
use arrow_schema::DataType;

use super::{Primitive, Unfit, fixed};

/// A column of numbers that are sent with another count of bytes than four.
pub(crate) struct Resized<'a> {
    numbers: Numbers<'a>,
    is_wide: bool,
}

enum Numbers<'a> {
    Int8(Primitive<'a, Int8Type>),
    Int16(Primitive<'a, Int16Type>),
    Int32(Primitive<'a, Int32Type>),
    UInt8(Primitive<'a, UInt8Type>),
    UInt16(Primitive<'a, UInt16Type>),
}

impl<'a> Resized<'a> {
    /// None where the numbers have the size of the column already, or are none.
    pub(super) fn of(array: &'a ArrayRef, sent_as: &str) -> Option<Self> {
        let is_wide = match sent_as {
            "smallint" => false,
            "bigint" => true,
            _ => return None,
        };
        let numbers = match array.data_type() {
            DataType::Int8 => Numbers::Int8(array.as_primitive()),
            DataType::Int16 => Numbers::Int16(array.as_primitive()),
            DataType::Int32 => Numbers::Int32(array.as_primitive()),
            DataType::UInt8 => Numbers::UInt8(array.as_primitive()),
            DataType::UInt16 => Numbers::UInt16(array.as_primitive()),
            _ => return None,
        };
        Some(Self { numbers, is_wide })
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let number = match self.numbers {
            Numbers::Int8(values) => values.value(row).into(),
            Numbers::Int16(values) => values.value(row).into(),
            Numbers::Int32(values) => values.value(row),
            Numbers::UInt8(values) => values.value(row).into(),
            Numbers::UInt16(values) => values.value(row).into(),
        };
        if self.is_wide {
            fixed(out, i64::from(number).to_be_bytes());
        } else {
            let small = i16::try_from(number).map_err(|_| Unfit::Unread)?;
            fixed(out, small.to_be_bytes());
        }
        Ok(())
    }
}

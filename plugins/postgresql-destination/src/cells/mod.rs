//! Arrow values in the server's binary form.
//!
//! A column's type is looked at once per batch, not once per value. Each value is written as a field
//! of a binary copy: its length in four bytes, -1 for NULL, and then its bytes.

mod list;
mod resized;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray};
use arrow_schema::DataType;
use postgresql_client::types;

use crate::binary::{NULL, sized};
use crate::numeric;
use crate::read::Reader;

/// The only version of the binary form of jsonb.
const JSONB_VERSION: u8 = 1;

/// Why a value is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It has no form in the server.
    Impossible(&'static str),
    /// Its text is not in the form that the server writes: only the server can tell what it is.
    Unread,
}

const NUL: Unfit = Unfit::Impossible("text with a NUL character, which PostgreSQL cannot store");
const TOO_LARGE: Unfit = Unfit::Impossible("over 2 GiB");
const DATE: Unfit = Unfit::Impossible("date out of range");
const TIMESTAMP: Unfit = Unfit::Impossible("timestamp out of range");

type Primitive<'a, T> = &'a PrimitiveArray<T>;

/// One column of a batch, or the items of a list.
pub(crate) enum Cells<'a> {
    Int8(Primitive<'a, Int8Type>),
    Int16(Primitive<'a, Int16Type>),
    Int32(Primitive<'a, Int32Type>),
    UInt8(Primitive<'a, UInt8Type>),
    UInt16(Primitive<'a, UInt16Type>),
    UInt32(Primitive<'a, UInt32Type>),
    Int64(Primitive<'a, Int64Type>),
    UInt64(Primitive<'a, UInt64Type>),
    Float32(Primitive<'a, Float32Type>),
    Float64(Primitive<'a, Float64Type>),
    Boolean(&'a arrow_array::BooleanArray),
    Text(&'a arrow_array::StringArray),
    Jsonb(&'a arrow_array::StringArray),
    Binary(&'a arrow_array::BinaryArray),
    Date(Primitive<'a, Date32Type>),
    Time(Primitive<'a, Time64MicrosecondType>),
    Timestamp(Primitive<'a, TimestampMicrosecondType>),
    Decimal(Primitive<'a, Decimal128Type>, i8),
    WideDecimal(Primitive<'a, Decimal256Type>, i8),
    Uuid(&'a arrow_array::FixedSizeBinaryArray),
    /// Whole numbers for a column of another size.
    Resized(resized::Resized<'a>),
    /// Text that is a value of another type.
    Read(&'a arrow_array::StringArray, Reader),
    List(list::Lists<'a>),
    /// A type that no batch has; only its nulls can be written.
    Unknown,
}

impl<'a> Cells<'a> {
    /// `sent_as` is the type that the bytes have to be of.
    pub(crate) fn of(array: &'a ArrayRef, sent_as: &str) -> Self {
        if let Some(resized) = resized::Resized::of(array, sent_as) {
            return Self::Resized(resized);
        }
        match array.data_type() {
            DataType::Int8 => Self::Int8(array.as_primitive()),
            DataType::Int16 => Self::Int16(array.as_primitive()),
            DataType::Int32 => Self::Int32(array.as_primitive()),
            DataType::UInt8 => Self::UInt8(array.as_primitive()),
            DataType::UInt16 => Self::UInt16(array.as_primitive()),
            DataType::UInt32 => Self::UInt32(array.as_primitive()),
            DataType::Int64 => Self::Int64(array.as_primitive()),
            DataType::UInt64 => Self::UInt64(array.as_primitive()),
            DataType::Float32 => Self::Float32(array.as_primitive()),
            DataType::Float64 => Self::Float64(array.as_primitive()),
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Utf8 if sent_as == "jsonb" => Self::Jsonb(array.as_string()),
            DataType::Utf8 => match Reader::of(sent_as) {
                Some(reader) => Self::Read(array.as_string(), reader),
                None => Self::Text(array.as_string()),
            },
            DataType::Binary => Self::Binary(array.as_binary()),
            DataType::Date32 => Self::Date(array.as_primitive()),
            DataType::Time64(_) => Self::Time(array.as_primitive()),
            DataType::Timestamp(..) => Self::Timestamp(array.as_primitive()),
            DataType::Decimal128(_, scale) => Self::Decimal(array.as_primitive(), *scale),
            DataType::Decimal256(_, scale) => Self::WideDecimal(array.as_primitive(), *scale),
            DataType::FixedSizeBinary(_) => Self::Uuid(array.as_fixed_size_binary()),
            DataType::List(_) => Self::List(list::Lists::of(array.as_list(), sent_as)),
            _ => Self::Unknown,
        }
    }

    /// Writes the value of a row; `null` says whether it is null.
    pub(crate) fn write(&self, row: usize, null: bool, out: &mut Vec<u8>) -> Result<(), Unfit> {
        if null {
            out.extend_from_slice(&NULL);
            return Ok(());
        }
        match self {
            Self::Int8(values) => fixed(out, i32::from(values.value(row)).to_be_bytes()),
            Self::Int16(values) => fixed(out, i32::from(values.value(row)).to_be_bytes()),
            Self::Int32(values) => fixed(out, values.value(row).to_be_bytes()),
            Self::UInt8(values) => fixed(out, i32::from(values.value(row)).to_be_bytes()),
            Self::UInt16(values) => fixed(out, i32::from(values.value(row)).to_be_bytes()),
            Self::UInt32(values) => fixed(out, i64::from(values.value(row)).to_be_bytes()),
            Self::Int64(values) => fixed(out, values.value(row).to_be_bytes()),
            Self::UInt64(values) => numeric::write(out, i128::from(values.value(row)), 0),
            Self::Float32(values) => fixed(out, values.value(row).to_be_bytes()),
            Self::Float64(values) => fixed(out, values.value(row).to_be_bytes()),
            Self::Boolean(values) => fixed(out, [u8::from(values.value(row))]),
            Self::Text(values) => return text(out, &[], values.value(row)),
            Self::Jsonb(values) => return text(out, &[JSONB_VERSION], values.value(row)),
            Self::Binary(values) => return bytes(out, &[], values.value(row)),
            Self::Date(values) => {
                let days = types::days_to_server(values.value(row)).ok_or(DATE)?;
                fixed(out, days.to_be_bytes());
            }
            Self::Time(values) => fixed(out, values.value(row).to_be_bytes()),
            Self::Timestamp(values) => {
                let micros = types::micros_to_server(values.value(row));
                fixed(out, micros.ok_or(TIMESTAMP)?.to_be_bytes());
            }
            Self::Decimal(values, scale) => numeric::write(out, values.value(row), *scale),
            Self::WideDecimal(values, scale) => numeric::write_wide(out, values.value(row), *scale),
            Self::Uuid(values) => return bytes(out, &[], values.value(row)),
            Self::Resized(numbers) => return numbers.write(row, out),
            Self::Read(values, reader) => {
                let read = |out: &mut Vec<u8>| reader.read(values.value(row), out);
                return sized(out, read).ok_or(Unfit::Unread);
            }
            Self::List(lists) => return lists.write(row, out),
            Self::Unknown => return Err(Unfit::Impossible("its type is unknown")),
        }
        Ok(())
    }
}

fn fixed<const N: usize>(out: &mut Vec<u8>, value: [u8; N]) {
    out.extend_from_slice(&(N as i32).to_be_bytes());
    out.extend_from_slice(&value);
}

fn text(out: &mut Vec<u8>, before: &[u8], value: &str) -> Result<(), Unfit> {
    // All of it, and not to the first, which is what a vector does at once.
    if value.bytes().fold(false, |found, byte| found | (byte == 0)) {
        return Err(NUL);
    }
    bytes(out, before, value.as_bytes())
}

fn bytes(out: &mut Vec<u8>, before: &[u8], value: &[u8]) -> Result<(), Unfit> {
    let length = i32::try_from(before.len() + value.len()).map_err(|_| TOO_LARGE)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(before);
    out.extend_from_slice(value);
    Ok(())
}

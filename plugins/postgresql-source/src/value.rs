//! A value of the server to a value of its column.
//!
//! The log and look-ups bring text, as the server writes it under this connector's settings; the
//! snapshot brings the server's binary form. What the binary form has no value for takes the way of
//! its text (`rejected`), so that all of them agree to the last digit, also on what is refused.

use cartridge_warp_sdk::{RowBuilder, Value, ValueError};
use postgresql_client::time::{date, timestamp};
use postgresql_client::tokio_postgres::types::Type;
use postgresql_client::types;

mod array;
pub mod binary;
mod float;
mod numeric;

/// How a column is read: of which type its values are, as far as that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// A type that travels as the server's text, which the server itself writes.
    Printed,
    /// `numeric` with more digits than the model holds. This and what follows travel as the server's
    /// text, which is written here from the binary form.
    NumericText,
    /// `oid`.
    Oid,
    /// An array of such items.
    Array(&'static Codec),
    /// Text whose binary form is the text.
    Text,
    /// `boolean`.
    Boolean,
    /// `smallint`.
    Int2,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `real`.
    Float4,
    /// `double precision`.
    Float8,
    /// `numeric` with digits that the model holds.
    Numeric,
    /// `uuid`.
    Uuid,
    /// JSON, which the server has checked.
    Json,
    /// The same; its binary form has a version in front.
    Jsonb,
    /// `\x` and hexadecimal digits.
    Bytes,
    /// A day, maybe before Christ or infinite.
    Date,
    /// A time of day.
    Time,
    /// A wall clock's time, maybe before Christ or infinite.
    Timestamp,
    /// A moment, written in UTC.
    TimestampTz,
}

impl Codec {
    /// How values of a type are read that has an exact form in the model.
    pub fn of(type_: &Type) -> Self {
        match *type_ {
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => Self::Text,
            Type::BOOL => Self::Boolean,
            Type::INT2 => Self::Int2,
            Type::INT4 => Self::Int4,
            Type::INT8 => Self::Int8,
            Type::FLOAT4 => Self::Float4,
            Type::FLOAT8 => Self::Float8,
            Type::NUMERIC => Self::Numeric,
            Type::UUID => Self::Uuid,
            Type::JSON => Self::Json,
            Type::JSONB => Self::Jsonb,
            Type::BYTEA => Self::Bytes,
            Type::DATE => Self::Date,
            Type::TIME => Self::Time,
            Type::TIMESTAMP => Self::Timestamp,
            Type::TIMESTAMPTZ => Self::TimestampTz,
            _ => Self::Printed,
        }
    }

    /// How values of a type are read that travels as text.
    pub fn as_text(type_: Option<&Type>) -> Self {
        let Some(type_) = type_ else { return Self::Printed };
        match *type_ {
            Type::NUMERIC => Self::NumericText,
            Type::OID => Self::Oid,
            // Arrays whose text has no braces.
            Type::INT2_VECTOR | Type::OID_VECTOR => Self::Printed,
            _ => match types::element(type_).as_ref().and_then(Self::of_item) {
                Some(item) => Self::Array(item),
                None => Self::Printed,
            },
        }
    }

    /// How items of an array are written. Of numbers with a floating point several texts may be right.
    fn of_item(type_: &Type) -> Option<&'static Self> {
        Some(match *type_ {
            Type::NUMERIC => &Self::NumericText,
            Type::OID => &Self::Oid,
            Type::BOOL => &Self::Boolean,
            Type::INT2 => &Self::Int2,
            Type::INT4 => &Self::Int4,
            Type::INT8 => &Self::Int8,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => &Self::Text,
            Type::UUID => &Self::Uuid,
            Type::JSON => &Self::Json,
            Type::JSONB => &Self::Jsonb,
            Type::BYTEA => &Self::Bytes,
            Type::DATE => &Self::Date,
            Type::TIME => &Self::Time,
            Type::TIMESTAMP => &Self::Timestamp,
            Type::TIMESTAMPTZ => &Self::TimestampTz,
            _ => return None,
        })
    }

    /// How values are read of which the server writes the text as it is stored, and whether it does: the binary
    /// form of all others is the same in every encoding.
    pub fn as_stored(self) -> (Self, bool) {
        match self {
            Self::Printed | Self::Text | Self::Array(_) => (Self::Printed, true),
            Self::Json | Self::Jsonb => (Self::Json, true),
            other => (other, false),
        }
    }

    /// Whether its text is written here.
    fn is_written(self) -> bool {
        matches!(self, Self::NumericText | Self::Oid | Self::Array(_))
    }

    /// Sets a column to the value that the text says.
    pub fn set(
        self,
        row: &mut RowBuilder<'_>,
        column: usize,
        text: &str,
    ) -> Result<(), ValueError> {
        let unreadable = || ValueError {
            column: column.to_string(),
            reason: "the server's text is not a value of the column's type".to_owned(),
        };
        match self {
            // What stands for bytes that are no value of the type.
            _ if self.is_written() && text.starts_with('\\') => Err(unreadable()),
            Self::Json | Self::Jsonb => row.set(column, Value::Json(text.into())),
            Self::Bytes => {
                let bytes = bytes(text).ok_or_else(unreadable)?;
                row.set(column, bytes.as_slice())
            }
            Self::Date => row.set(column, Value::Date(date(text).ok_or_else(unreadable)?)),
            Self::Timestamp => {
                row.set(column, Value::Timestamp(timestamp(text).ok_or_else(unreadable)?))
            }
            Self::TimestampTz => {
                row.set(column, Value::TimestampTz(timestamp(text).ok_or_else(unreadable)?))
            }
            // As it stands, or as the SDK reads it: numbers, booleans, UUIDs, times of day.
            _ => row.set(column, text),
        }
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let pairs = digits.chunks(2);
    pairs.map(|pair| Some(nibble(pair[0])? << 4 | nibble(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_written_here_where_only_one_text_is_right() {
        for (type_, codec) in [
            (Type::NUMERIC, Codec::NumericText),
            (Type::OID, Codec::Oid),
            (Type::NUMERIC_ARRAY, Codec::Array(&Codec::NumericText)),
            (Type::INT4_ARRAY, Codec::Array(&Codec::Int4)),
            (Type::VARCHAR_ARRAY, Codec::Array(&Codec::Text)),
            (Type::JSONB_ARRAY, Codec::Array(&Codec::Jsonb)),
            // Servers differ about the last of all intervals, and about digits of floating-point numbers.
            (Type::INTERVAL, Codec::Printed),
            (Type::INTERVAL_ARRAY, Codec::Printed),
            (Type::FLOAT8_ARRAY, Codec::Printed),
            (Type::FLOAT4_ARRAY, Codec::Printed),
            // Not in braces, or with another sign between items.
            (Type::INT2_VECTOR, Codec::Printed),
            (Type::OID_VECTOR, Codec::Printed),
            (Type::BOX_ARRAY, Codec::Printed),
            // By settings or libraries of the server's.
            (Type::MONEY, Codec::Printed),
            (Type::XML, Codec::Printed),
            (Type::INET, Codec::Printed),
            (Type::TIMETZ, Codec::Printed),
            (Type::INT4_RANGE, Codec::Printed),
        ] {
            assert_eq!(Codec::as_text(Some(&type_)), codec, "{type_}");
        }
        assert_eq!(Codec::as_text(None), Codec::Printed);
    }

    #[test]
    fn bytes_are_read_from_hexadecimal() {
        assert_eq!(bytes("\\x00ff7a"), Some(vec![0, 255, 0x7a]));
        assert_eq!(bytes("\\x"), Some(vec![]));
        for text in ["", "00", "\\x0", "\\x0g", "\\x0F"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}

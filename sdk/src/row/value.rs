//! One value on its way into or out of a column.

use std::borrow::Cow;
use std::fmt;

use arrow_buffer::i256;

/// A value of one column in one row; text and bytes are borrowed.
///
/// Writing converts where nothing is lost: an integer goes into a decimal, text that says
/// `2024-05-01` into a date, a number into text. What does not fit is a [`ValueError`].
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An integer beyond 63 bits.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// An exact decimal: `unscaled` × 10^-`scale`.
    Decimal {
        /// The digits.
        unscaled: i256,
        /// How many of them stand after the point.
        scale: i8,
    },
    /// Text.
    Str(&'a str),
    /// A JSON document that is known to be valid.
    Json(Cow<'a, str>),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01 00:00, in no particular zone.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 00:00 UTC.
    TimestampTz(i64),
    /// A UUID.
    Uuid([u8; 16]),
    /// A list of values of one type.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// A scalar as it is, a list or object as its JSON text.
    pub fn from_json(json: &'a serde_json::Value) -> Self {
        use serde_json::Value as J;
        match json {
            J::Null => Self::Null,
            J::Bool(value) => Self::Bool(*value),
            J::String(text) => Self::Str(text),
            J::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => Self::I64(value),
                (None, Some(value), _) => Self::U64(value),
                (None, None, Some(value)) => Self::F64(value),
                (None, None, None) => Self::Json(Cow::Owned(json.to_string())),
            },
            J::Array(_) | J::Object(_) => Self::Json(Cow::Owned(json.to_string())),
        }
    }

    /// The word for messages; never the value itself, which may be secret.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::I64(_) | Self::U64(_) => "an integer",
            Self::F64(_) => "a floating-point number",
            Self::Decimal { .. } => "a decimal",
            Self::Str(_) => "text",
            Self::Json(_) => "JSON",
            Self::Bytes(_) => "bytes",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::Timestamp(_) | Self::TimestampTz(_) => "a timestamp",
            Self::Uuid(_) => "a UUID",
            Self::List(_) => "a list",
        }
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr;)*) => {$(
        impl<'a> From<$from> for Value<'a> {
            fn from($value: $from) -> Self {
                $into
            }
        }
    )*};
}

from! {
    bool => |value| Self::Bool(value);
    i32 => |value| Self::I64(i64::from(value));
    i64 => |value| Self::I64(value);
    u32 => |value| Self::I64(i64::from(value));
    u64 => |value| Self::U64(value);
    f32 => |value| Self::F64(f64::from(value));
    f64 => |value| Self::F64(value);
    &'a str => |value| Self::Str(value);
    &'a String => |value| Self::Str(value);
    &'a [u8] => |value| Self::Bytes(value);
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value that its column cannot hold. Usually becomes a dead letter with this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// The column.
    pub column: String,
    /// Why, without the value.
    pub reason: String,
}

impl ValueError {
    /// The code for a dead letter.
    pub const CODE: &'static str = "type-conversion";
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for ValueError {}

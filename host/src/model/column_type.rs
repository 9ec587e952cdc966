//! The types that an operator may give a column, as words and as Arrow's.

use std::{collections::HashMap, fmt, str::FromStr, sync::Arc};

use arrow_schema::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};

/// Digits that a decimal number has at most.
const DIGITS_MAX: u8 = 76;
/// Digits that 128 bits hold.
const SMALL_DIGITS_MAX: u8 = 38;

/// A type that values of another one can be turned into, where they are the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum ColumnType {
    Text,
    Json,
    Boolean,
    Integer,
    Bigint,
    Real,
    Double,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Date,
    Time,
    /// A time of day and date without a zone.
    Timestamp,
    /// A moment, in UTC.
    Timestamptz,
    Uuid,
}

/// A word that names no type.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is none of the types that a column may be given")]
pub struct NoColumnType(String);

const WORDS: [(&str, ColumnType); 12] = [
    ("text", ColumnType::Text),
    ("json", ColumnType::Json),
    ("boolean", ColumnType::Boolean),
    ("integer", ColumnType::Integer),
    ("bigint", ColumnType::Bigint),
    ("real", ColumnType::Real),
    ("double", ColumnType::Double),
    ("date", ColumnType::Date),
    ("time", ColumnType::Time),
    ("timestamp", ColumnType::Timestamp),
    ("timestamptz", ColumnType::Timestamptz),
    ("uuid", ColumnType::Uuid),
];

impl ColumnType {
    /// What to write, in words.
    pub const WORDS: &'static str = "text, json, boolean, integer, bigint, real, double, \
                                     decimal(digits, digits behind the point), date, time, \
                                     timestamp, timestamptz or uuid";

    /// The type in the batch format.
    #[must_use]
    pub fn data_type(self) -> DataType {
        let microseconds = TimeUnit::Microsecond;
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int32,
            Self::Bigint => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } if precision <= SMALL_DIGITS_MAX => {
                DataType::Decimal128(precision, scale.cast_signed())
            }
            Self::Decimal { precision, scale } => {
                DataType::Decimal256(precision, scale.cast_signed())
            }
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(microseconds),
            Self::Timestamp => DataType::Timestamp(microseconds, None),
            Self::Timestamptz => DataType::Timestamp(microseconds, Some(Arc::from("UTC"))),
            Self::Uuid => DataType::FixedSizeBinary(16),
        }
    }

    /// The type of a column, where it is one of these.
    #[must_use]
    pub fn of(column: &Field) -> Option<Self> {
        let is = |known: &Self| {
            let field = known.field(column.name());
            let is_json = |field: &Field| field.extension_type_name() == Some("arrow.json");
            field.data_type() == column.data_type() && is_json(&field) == is_json(column)
        };
        let decimal = match column.data_type() {
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                let scale = u8::try_from(*scale).ok()?;
                Some(Self::Decimal { precision: *precision, scale })
            }
            _ => None,
        };
        decimal.or_else(|| WORDS.into_iter().map(|(_, known)| known).find(is))
    }

    /// A column of this type.
    #[must_use]
    pub fn field(self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        let extension = match self {
            Self::Json => "arrow.json",
            Self::Uuid => "arrow.uuid",
            _ => return field,
        };
        let metadata = [("ARROW:extension:name".to_owned(), extension.to_owned())];
        field.with_metadata(HashMap::from(metadata))
    }
}

impl FromStr for ColumnType {
    type Err = NoColumnType;

    fn from_str(text: &str) -> Result<Self, NoColumnType> {
        let word = text.trim();
        if let Some((_, known)) = WORDS.iter().find(|(known, _)| *known == word) {
            return Ok(*known);
        }
        decimal(word).ok_or_else(|| NoColumnType(text.to_owned()))
    }
}

/// `decimal(12, 2)`
fn decimal(word: &str) -> Option<ColumnType> {
    let digits = word.strip_prefix("decimal")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    let is_one = (1..=DIGITS_MAX).contains(&precision) && scale <= precision;
    is_one.then_some(ColumnType::Decimal { precision, scale })
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, WORDS.iter().find(|(_, known)| known == self)) {
            (_, Some((word, _))) => f.write_str(word),
            (Self::Decimal { precision, scale }, None) => {
                write!(f, "decimal({precision}, {scale})")
            }
            (other, None) => write!(f, "{other:?}"),
        }
    }
}

impl TryFrom<String> for ColumnType {
    type Error = NoColumnType;

    fn try_from(text: String) -> Result<Self, NoColumnType> {
        text.parse()
    }
}

impl From<ColumnType> for String {
    fn from(column_type: ColumnType) -> Self {
        column_type.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_types_are_one_to_one() {
        let decimal = |precision, scale| ColumnType::Decimal { precision, scale };
        let known = WORDS.into_iter().map(|(word, known)| (word.to_owned(), known));
        for (word, known) in known.chain([
            ("decimal(12, 2)".into(), decimal(12, 2)),
            ("decimal(76, 0)".into(), decimal(76, 0)),
        ]) {
            assert_eq!(word.parse::<ColumnType>().unwrap(), known);
            assert_eq!(known.to_string(), word);
            assert_eq!(ColumnType::of(&known.field("c")), Some(known));
        }
        assert_eq!("decimal(5,5)".parse::<ColumnType>().unwrap(), decimal(5, 5));
        for wrong in [
            "",
            "Text",
            "decimal",
            "decimal(0, 0)",
            "decimal(77, 0)",
            "decimal(2, 3)",
            "decimal(2)",
        ] {
            assert!(wrong.parse::<ColumnType>().is_err(), "{wrong}");
        }
    }
}

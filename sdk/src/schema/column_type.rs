//! The model's types and their Arrow counterparts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_schema::{DataType, Field, TimeUnit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Failure;

/// Digits that `Decimal128` holds.
pub(crate) const DECIMAL128_DIGITS_MAX: u8 = 38;
/// Digits that `Decimal256` holds; what has more travels as text.
pub(crate) const DECIMAL256_DIGITS_MAX: u8 = 76;

/// The type of a column. In options it is its word, which the schema of the options describes.
///
/// ```
/// use cartridge_warp_sdk::ColumnType;
///
/// let price: ColumnType = "decimal(12,2)".parse()?;
/// assert_eq!(price, ColumnType::Decimal { precision: 12, scale: 2 });
/// assert_eq!("array(string)".parse::<ColumnType>()?.to_string(), "array(string)");
/// # Ok::<(), cartridge_warp_sdk::Failure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text.
    String,
    /// 32 bits, signed.
    Integer,
    /// 64 bits, signed.
    BigInt,
    /// 32-bit floating point.
    Float,
    /// 64-bit floating point.
    Double,
    /// Exact decimal, up to 76 digits.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A time of day in microseconds.
    Time,
    /// Date and time without a zone, in microseconds.
    Timestamp,
    /// A moment, in microseconds since 1970 UTC.
    TimestampTz,
    /// 16 bytes.
    Uuid,
    /// A JSON document as text.
    Json,
    /// Bytes.
    Binary,
    /// A list of one type.
    Array(Box<ColumnType>),
}

impl ColumnType {
    /// The Arrow type that holds it.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::String | Self::Json => DataType::Utf8,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } if *precision <= DECIMAL128_DIGITS_MAX => {
                DataType::Decimal128(*precision, *scale)
            }
            Self::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Binary => DataType::Binary,
            Self::Array(item) => DataType::List(Arc::new(item.field("item"))),
        }
    }

    /// The Arrow extension name that tells types of one Arrow form apart.
    fn extension(&self) -> Option<&'static str> {
        match self {
            Self::Uuid => Some("arrow.uuid"),
            Self::Json => Some("arrow.json"),
            _ => None,
        }
    }

    /// A nullable field of this type.
    pub(crate) fn field(&self, name: &str) -> Field {
        let field = Field::new(name, self.data_type(), true);
        match self.extension() {
            Some(extension) => field
                .with_metadata(HashMap::from([(EXTENSION_KEY.to_owned(), extension.to_owned())])),
            None => field,
        }
    }

    /// Reads the type off a field; integers of other widths become the next that holds them.
    pub(crate) fn of_field(field: &Field) -> Result<Self, Failure> {
        let extension = field.metadata().get(EXTENSION_KEY).map(String::as_str);
        Ok(match field.data_type() {
            DataType::Utf8 if extension == Some("arrow.json") => Self::Json,
            DataType::Utf8 => Self::String,
            DataType::Int8 | DataType::Int16 | DataType::Int32 => Self::Integer,
            DataType::UInt8 | DataType::UInt16 => Self::Integer,
            DataType::UInt32 | DataType::Int64 => Self::BigInt,
            DataType::UInt64 => Self::Decimal { precision: 20, scale: 0 },
            DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            DataType::Boolean => Self::Boolean,
            DataType::Date32 => Self::Date,
            DataType::Time64(TimeUnit::Microsecond) => Self::Time,
            DataType::Timestamp(TimeUnit::Microsecond, None) => Self::Timestamp,
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Self::TimestampTz,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::Binary => Self::Binary,
            DataType::List(item) => Self::Array(Box::new(Self::of_field(item)?)),
            other => {
                return Err(Failure::stop(
                    "unknown-column-type",
                    format!(
                        "column {} has the Arrow type {other}, which the batch format does not know",
                        field.name()
                    ),
                ));
            }
        })
    }
}

/// Arrow's own key for extension types.
const EXTENSION_KEY: &str = "ARROW:extension:name";

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Float => "float",
            Self::Double => "double",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Binary => "binary",
            Self::Decimal { precision, scale } => return write!(f, "decimal({precision},{scale})"),
            Self::Array(item) => return write!(f, "array({item})"),
        })
    }
}

impl FromStr for ColumnType {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let unknown = || {
            Failure::config(
                "unknown-column-type",
                format!(
                    "{text:?} is not a column type; write string, integer, bigint, float, double, \
                     decimal(p,s), boolean, date, time, timestamp, timestamptz, uuid, json, binary \
                     or array(type)"
                ),
            )
        };
        let text = text.trim();
        let argument =
            |name: &str| text.strip_prefix(name)?.trim().strip_prefix('(')?.strip_suffix(')');
        if let Some(arguments) = argument("decimal") {
            let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
            let precision: u8 = precision.trim().parse().map_err(|_| unknown())?;
            let scale: i8 = scale.trim().parse().map_err(|_| unknown())?;
            let fits = (1..=DECIMAL256_DIGITS_MAX).contains(&precision)
                && scale.unsigned_abs() <= precision;
            return if fits { Ok(Self::Decimal { precision, scale }) } else { Err(unknown()) };
        }
        if let Some(item) = argument("array") {
            return Ok(Self::Array(Box::new(item.parse()?)));
        }
        Ok(match text {
            "string" => Self::String,
            "integer" => Self::Integer,
            "bigint" => Self::BigInt,
            "float" => Self::Float,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampTz,
            "uuid" => Self::Uuid,
            "json" => Self::Json,
            "binary" => Self::Binary,
            _ => return Err(unknown()),
        })
    }
}

impl Serialize for ColumnType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(|failure: Failure| serde::de::Error::custom(failure.message))
    }
}

impl JsonSchema for ColumnType {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ColumnType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let description = "string, integer, bigint, float, double, decimal(p,s), boolean, date, time, \
                           timestamp, timestamptz, uuid, json, binary or array(type)";
        json_schema!({ "type": "string", "description": description })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_in_options_is_its_word_and_a_wrong_one_is_named() {
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        struct Options {
            columns: HashMap<String, ColumnType>,
        }
        let json = r#"{"columns":{"price":"decimal(12,2)"}}"#;
        let options: Options = crate::parse_options(json).unwrap();
        assert_eq!(options.columns["price"], ColumnType::Decimal { precision: 12, scale: 2 });
        assert_eq!(serde_json::to_string(&options).unwrap(), json);
        let wrong = crate::parse_options::<Options>(r#"{"columns":{"price":"money"}}"#);
        let words = ["options.columns.price", "\"money\" is not a column type", "decimal(p,s)"];
        crate::testing::assert_failure(wrong, "config", "invalid-options", &words);
        let schema = crate::options_schema::<Options>();
        assert!(schema.contains("timestamptz") && !schema.contains("$ref"), "{schema}");
    }
}

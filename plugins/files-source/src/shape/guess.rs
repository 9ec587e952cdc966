//! Infers a column's type from its values.

use cartridge_warp_sdk::{ColumnType, parse_date, parse_timestamp};

use crate::format::{Token, number};

/// Whole numbers of at most so many digits fit 64 bits, signed.
const LONG_DIGITS: usize = 18;
/// Precisions that a column of larger whole numbers may have: those of 64 bits without a sign, and
/// what 128 and 256 bits hold.
const PRECISIONS: [u8; 3] = [20, 38, 76];

/// What the values seen so far have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Guess {
    /// Only nulls so far.
    #[default]
    Unknown,
    /// `true` and `false`.
    Boolean,
    /// Whole numbers that a double holds, too.
    BigInt,
    /// Whole numbers that 64 bits hold and no double does.
    Long,
    /// Whole numbers beyond 64 bits, of at most so many digits.
    Huge(u8),
    /// Numbers.
    Double,
    /// Days.
    Date,
    /// Moments.
    TimestampTz,
    /// Objects or lists, and whatever is among them.
    Json,
    /// Anything.
    String,
    /// What a Parquet file declares.
    Exact(ColumnType),
}

impl Guess {
    /// The type of one value.
    pub fn of(token: &Token<'_>) -> Self {
        match token {
            Token::Null => Self::Unknown,
            Token::Bool(_) => Self::Boolean,
            Token::Number(raw) => Self::of_number(raw),
            Token::Nested(_) => Self::Json,
            Token::Text { text, .. } => Self::of_text(text),
            Token::Plain(text) => Self::of_field(text, number::is_number(text)),
            Token::Quoted(text) => Self::of_field(text, number::is_plain(text)),
        }
    }

    /// Digits that no number type keeps are kept as text.
    fn of_number(raw: &str) -> Self {
        let double = number::is_double(raw);
        if !number::is_whole(raw) {
            return if double { Self::Double } else { Self::String };
        }
        let digits = raw.trim_start_matches('-').len();
        match () {
            () if digits <= LONG_DIGITS || raw.parse::<i64>().is_ok() => {
                if double {
                    Self::BigInt
                } else {
                    Self::Long
                }
            }
            () => PRECISIONS
                .into_iter()
                .find(|precision| digits <= usize::from(*precision))
                .map_or(Self::String, Self::Huge),
        }
    }

    fn of_text(text: &str) -> Self {
        // Cheap: nothing shorter than a date, or without its first dash, is one.
        if text.as_bytes().get(4) != Some(&b'-') {
            return Self::String;
        }
        if parse_date(text).is_some() {
            return Self::Date;
        }
        if parse_timestamp(text).is_some() { Self::TimestampTz } else { Self::String }
    }

    /// A CSV field: numbers as JSON writes them, so that `00123` and `+1` stay text.
    fn of_field(text: &str, is_number: bool) -> Self {
        match text {
            "true" | "false" => Self::Boolean,
            _ if is_number => Self::of_number(text),
            _ => Self::of_text(text),
        }
    }

    /// What both have in common.
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, known) | (known, Self::Unknown) => known,
            (a, b) if a == b => a,
            (Self::BigInt, Self::Double) | (Self::Double, Self::BigInt) => Self::Double,
            (Self::BigInt, Self::Long) | (Self::Long, Self::BigInt) => Self::Long,
            (Self::Huge(one), Self::Huge(other)) => Self::Huge(one.max(other)),
            (huge @ Self::Huge(_), Self::BigInt | Self::Long)
            | (Self::BigInt | Self::Long, huge @ Self::Huge(_)) => huge,
            (Self::Exact(one), Self::Exact(other)) => Self::Exact(wider(one, other)),
            (Self::Json, _) | (_, Self::Json) => Self::Json,
            _ => Self::String,
        }
    }

    /// None while there were only nulls.
    pub fn column_type(&self) -> Option<ColumnType> {
        Some(match self {
            Self::Unknown => return None,
            Self::Boolean => ColumnType::Boolean,
            Self::BigInt | Self::Long => ColumnType::BigInt,
            Self::Huge(precision) => ColumnType::Decimal { precision: *precision, scale: 0 },
            Self::Double => ColumnType::Double,
            Self::Date => ColumnType::Date,
            Self::TimestampTz => ColumnType::TimestampTz,
            Self::Json => ColumnType::Json,
            Self::String => ColumnType::String,
            Self::Exact(column_type) => column_type.clone(),
        })
    }
}

/// The narrowest type that holds both, of two that files declare.
fn wider(one: ColumnType, other: ColumnType) -> ColumnType {
    match (one, other) {
        (one, other) if one == other => one,
        (ColumnType::Integer, ColumnType::BigInt) | (ColumnType::BigInt, ColumnType::Integer) => {
            ColumnType::BigInt
        }
        (ColumnType::Float, ColumnType::Double)
        | (ColumnType::Double, ColumnType::Float)
        | (ColumnType::Integer, ColumnType::Float | ColumnType::Double)
        | (ColumnType::Float | ColumnType::Double, ColumnType::Integer) => ColumnType::Double,
        (ColumnType::Json, _) | (_, ColumnType::Json) => ColumnType::Json,
        _ => ColumnType::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_suggest_types() {
        for (text, expected) in [
            ("1", Guess::BigInt),
            ("-7", Guess::BigInt),
            ("9007199254740993", Guess::Long),
            ("9223372036854775807", Guess::Long),
            ("9223372036854775808", Guess::Huge(20)),
            ("18446744073709551615", Guess::Huge(20)),
            ("-123456789012345678901", Guess::Huge(38)),
            ("3.14159265358979323846", Guess::String),
            ("-0", Guess::Double),
            ("1.50", Guess::Double),
            ("1e5", Guess::Double),
            ("00123", Guess::String),
            ("+1", Guess::String),
            ("NaN", Guess::String),
            ("true", Guess::Boolean),
            ("2024-05-01", Guess::Date),
            ("2024-05-01T10:00:00Z", Guess::TimestampTz),
            ("2024-05-01 10:00:00", Guess::TimestampTz),
            ("2024-13-01", Guess::String),
            ("2024-05-01T10:00:00.123456789Z", Guess::String),
            ("text", Guess::String),
        ] {
            assert_eq!(Guess::of(&Token::Plain(text.into())), expected, "{text}");
        }
    }

    #[test]
    fn unlike_values_meet_in_the_narrowest_common_type() {
        for (a, b, expected) in [
            (Guess::Unknown, Guess::Date, Guess::Date),
            (Guess::BigInt, Guess::Double, Guess::Double),
            (Guess::BigInt, Guess::Boolean, Guess::String),
            (Guess::BigInt, Guess::Huge(20), Guess::Huge(20)),
            (Guess::Long, Guess::Double, Guess::String),
            (Guess::Huge(20), Guess::Double, Guess::String),
            (Guess::Date, Guess::TimestampTz, Guess::String),
            (Guess::Json, Guess::BigInt, Guess::Json),
        ] {
            assert_eq!(a.clone().join(b.clone()), expected);
            assert_eq!(b.join(a), expected);
        }
    }
}

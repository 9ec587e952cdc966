//! Infers a column's type from its values.

use cartridge_warp_sdk::{ColumnType, parse_date, parse_timestamp};

use crate::format::Token;

/// What the values seen so far have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Guess {
    /// Only nulls so far.
    #[default]
    Unknown,
    /// `true` and `false`.
    Boolean,
    /// Whole numbers.
    BigInt,
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
            Token::Plain(text) => Self::of_plain(text),
        }
    }

    fn of_number(raw: &str) -> Self {
        if raw.contains(['.', 'e', 'E']) { Self::Double } else { Self::BigInt }
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
    fn of_plain(text: &str) -> Self {
        match text {
            "true" | "false" => return Self::Boolean,
            _ => {}
        }
        let number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && serde_json::from_str::<serde_json::Number>(text).is_ok();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let too_large = digits.bytes().all(|byte| byte.is_ascii_digit())
            && digits.len() > 18
            && !digits.starts_with('0');
        if number || too_large { Self::of_number(text) } else { Self::of_text(text) }
    }

    /// What both have in common.
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, known) | (known, Self::Unknown) => known,
            (a, b) if a == b => a,
            (Self::BigInt, Self::Double) | (Self::Double, Self::BigInt) => Self::Double,
            (Self::Json, _) | (_, Self::Json) => Self::Json,
            _ => Self::String,
        }
    }

    /// None while there were only nulls.
    pub fn column_type(&self) -> Option<ColumnType> {
        Some(match self {
            Self::Unknown => return None,
            Self::Boolean => ColumnType::Boolean,
            Self::BigInt => ColumnType::BigInt,
            Self::Double => ColumnType::Double,
            Self::Date => ColumnType::Date,
            Self::TimestampTz => ColumnType::TimestampTz,
            Self::Json => ColumnType::Json,
            Self::String => ColumnType::String,
            Self::Exact(column_type) => column_type.clone(),
        })
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
            ("99999999999999999999", Guess::BigInt),
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
            (Guess::Date, Guess::TimestampTz, Guess::String),
            (Guess::Json, Guess::BigInt, Guess::Json),
        ] {
            assert_eq!(a.clone().join(b.clone()), expected);
            assert_eq!(b.join(a), expected);
        }
    }
}

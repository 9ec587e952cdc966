//! A value's text, as the server writes it, to a value of its column.
//!
//! One reader for the snapshot, the log and look-ups, so that all of them agree to the last digit.

use cartridge_warp_sdk::{ColumnType, RowBuilder, Value, ValueError};

use self::time::{date, timestamp};

mod time;

/// How the text of a column is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// As it stands, or as the SDK reads it: text, numbers, booleans, UUIDs, times of day.
    Plain,
    /// JSON, which the server has checked.
    Json,
    /// `\x` and hexadecimal digits.
    Bytes,
    /// A day, maybe before Christ or infinite.
    Date,
    /// A wall clock's time, maybe before Christ or infinite.
    Timestamp,
    /// A moment, written in UTC.
    TimestampTz,
}

impl Codec {
    /// How the text of a type is read.
    pub fn of(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Json => Self::Json,
            ColumnType::Binary => Self::Bytes,
            ColumnType::Date => Self::Date,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::TimestampTz => Self::TimestampTz,
            _ => Self::Plain,
        }
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
            Self::Plain => row.set(column, text),
            Self::Json => row.set(column, Value::Json(text.into())),
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
    fn bytes_are_read_from_hexadecimal() {
        assert_eq!(bytes("\\x00ff7a"), Some(vec![0, 255, 0x7a]));
        assert_eq!(bytes("\\x"), Some(vec![]));
        for text in ["", "00", "\\x0", "\\x0g", "\\x0F"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}

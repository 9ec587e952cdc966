//! Values as text and as JSON: for dead letters, files and messages to the row's owner.

use std::fmt;

use super::{Value, decimal};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

impl fmt::Display for Value<'_> {
    /// ISO 8601 for times, hexadecimal for bytes, JSON for lists, and `null`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::I64(number) => write!(f, "{number}"),
            Self::U64(number) => write!(f, "{number}"),
            Self::F64(number) => write!(f, "{number}"),
            Self::Decimal { unscaled, scale } => f.write_str(&decimal::format(*unscaled, *scale)),
            Self::Str(text) => f.write_str(text),
            Self::Json(text) => f.write_str(text),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Date(days) => write_date(f, i64::from(*days)),
            Self::Time(micros) => write_time(f, *micros),
            Self::Timestamp(micros) => write_timestamp(f, *micros),
            Self::TimestampTz(micros) => {
                write_timestamp(f, *micros)?;
                f.write_str("Z")
            }
            Self::Uuid(bytes) => {
                for (at, byte) in bytes.iter().enumerate() {
                    let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
            Self::List(_) => write!(f, "{}", self.to_json()),
        }
    }
}

impl Value<'_> {
    /// The value as JSON; what JSON has no form for becomes text.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Self::Null => J::Null,
            Self::Bool(value) => J::Bool(*value),
            Self::I64(number) => J::from(*number),
            Self::U64(number) => J::from(*number),
            Self::F64(number) if number.is_finite() => J::from(*number),
            Self::Json(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| J::String(text.clone().into_owned()))
            }
            Self::List(items) => J::Array(items.iter().map(Value::to_json).collect()),
            other => J::String(other.to_string()),
        }
    }
}

fn write_date(f: &mut fmt::Formatter<'_>, days: i64) -> fmt::Result {
    let (year, month, day) = civil(days);
    write!(f, "{year:04}-{month:02}-{day:02}")
}

fn write_time(f: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    let (seconds, fraction) =
        (micros.div_euclid(MICROS_PER_SECOND), micros.rem_euclid(MICROS_PER_SECOND));
    write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    if fraction == 0 {
        return Ok(());
    }
    f.write_str(format!(".{fraction:06}").trim_end_matches('0'))
}

fn write_timestamp(f: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    write_date(f, micros.div_euclid(MICROS_PER_DAY))?;
    f.write_str("T")?;
    write_time(f, micros.rem_euclid(MICROS_PER_DAY))
}

/// The day's year, month and day; counts from March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

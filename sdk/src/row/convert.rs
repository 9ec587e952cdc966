//! A value to the native form of its column, exactly or not at all.

use std::borrow::Cow;

use arrow_buffer::i256;

use super::time::{parse_date, parse_time, parse_timestamp};
use super::{Value, decimal};

/// Integers up to here are exact in a double.
const EXACT_DOUBLE_MAX: u64 = 1 << 53;
/// Integers up to here are exact in a float.
const EXACT_FLOAT_MAX: u64 = 1 << 24;

pub(super) fn to_i64(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::I64(number) => Some(*number),
        Value::U64(number) => i64::try_from(*number).ok(),
        Value::Str(text) => text.parse().ok(),
        Value::Decimal { unscaled, scale } => {
            i64::try_from(decimal::rescale(*unscaled, *scale, 19, 0)?.to_i128()?).ok()
        }
        _ => None,
    }
}

pub(super) fn to_i32(value: &Value<'_>) -> Option<i32> {
    i32::try_from(to_i64(value)?).ok()
}

pub(super) fn to_f64(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::F64(number) => Some(*number),
        Value::I64(number) => (number.unsigned_abs() <= EXACT_DOUBLE_MAX).then_some(*number as f64),
        Value::U64(number) => (*number <= EXACT_DOUBLE_MAX).then_some(*number as f64),
        // Digits that only infinity holds do not fit; the word itself does.
        Value::Str(text) => text.parse().ok().filter(|number: &f64| {
            number.is_finite() || !text.contains(|c: char| c.is_ascii_digit())
        }),
        _ => None,
    }
}

/// A double that no float equals is rounded to the nearest: that is what a float column means.
pub(super) fn to_f32(value: &Value<'_>) -> Option<f32> {
    match value {
        Value::I64(number) if number.unsigned_abs() > EXACT_FLOAT_MAX => None,
        Value::U64(number) if *number > EXACT_FLOAT_MAX => None,
        _ => {
            let wide = to_f64(value)?;
            let narrow = wide as f32;
            (narrow.is_finite() || !wide.is_finite()).then_some(narrow)
        }
    }
}

pub(super) fn to_decimal(value: &Value<'_>, precision: u8, scale: i8) -> Option<i256> {
    match value {
        Value::Decimal { unscaled, scale: from } => {
            decimal::rescale(*unscaled, *from, precision, scale)
        }
        Value::Str(text) => decimal::parse(text, precision, scale),
        Value::I64(number) => decimal::parse(&number.to_string(), precision, scale),
        Value::U64(number) => decimal::parse(&number.to_string(), precision, scale),
        // The shortest text that reads back as the same double.
        Value::F64(number) => decimal::parse(&number.to_string(), precision, scale),
        _ => None,
    }
}

pub(super) fn to_bool(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Str(text) => match *text {
            "true" | "t" | "TRUE" | "True" | "1" => Some(true),
            "false" | "f" | "FALSE" | "False" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn to_date(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Date(days) => Some(*days),
        Value::Str(text) => parse_date(text),
        _ => None,
    }
}

pub(super) fn to_time(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Time(micros) => Some(*micros),
        Value::Str(text) => parse_time(text),
        _ => None,
    }
}

/// Text that names a zone is a moment, and its wall clock would be a guess.
pub(super) fn to_timestamp(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Timestamp(micros) => Some(*micros),
        Value::Str(text) => match parse_timestamp(text)? {
            (micros, false) => Some(micros),
            (_, true) => None,
        },
        _ => None,
    }
}

/// Text without a zone is read as UTC.
pub(super) fn to_timestamptz(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::TimestampTz(micros) => Some(*micros),
        Value::Str(text) => parse_timestamp(text).map(|(micros, _)| micros),
        _ => None,
    }
}

pub(super) fn to_uuid(value: &Value<'_>) -> Option<[u8; 16]> {
    match value {
        Value::Uuid(bytes) => Some(*bytes),
        Value::Bytes(bytes) => (*bytes).try_into().ok(),
        Value::Str(text) => parse_uuid(text),
        _ => None,
    }
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let dashes = [8, 13, 18, 23];
    let bytes = text.as_bytes();
    let plain = match bytes.len() {
        32 => bytes.to_vec(),
        36 if dashes.iter().all(|&at| bytes[at] == b'-') => {
            bytes.iter().copied().filter(|byte| *byte != b'-').collect()
        }
        _ => return None,
    };
    let nibble = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut uuid = [0; 16];
    for (target, pair) in uuid.iter_mut().zip(plain.chunks_exact(2)) {
        *target = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    (plain.len() == 32).then_some(uuid)
}

pub(super) fn to_text<'v>(value: &'v Value<'_>) -> Option<Cow<'v, str>> {
    Some(match value {
        Value::Str(text) => Cow::Borrowed(text),
        Value::Json(text) => Cow::Borrowed(text),
        Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Value::I64(number) => Cow::Owned(number.to_string()),
        Value::U64(number) => Cow::Owned(number.to_string()),
        Value::F64(number) => Cow::Owned(number.to_string()),
        Value::Decimal { unscaled, scale } => Cow::Owned(decimal::format(*unscaled, *scale)),
        _ => return None,
    })
}

/// A JSON document; text has to be one.
pub(super) fn to_json<'v>(value: &'v Value<'_>) -> Option<Cow<'v, str>> {
    match value {
        Value::Str(text) => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).ok().map(|_| Cow::Borrowed(*text))
        }
        Value::F64(number) if !number.is_finite() => None,
        Value::Bool(_) | Value::I64(_) | Value::U64(_) | Value::F64(_) | Value::Json(_) => {
            to_text(value)
        }
        _ => None,
    }
}

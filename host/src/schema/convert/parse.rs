//! Values that texts say, by one spelling each: what could be meant otherwise is none.
//!
//! Numbers are digits with a sign, a point and an exponent; times are ISO 8601. A text with
//! more digits than its type keeps says another value, so it is refused.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, StringArray,
    array::{
        BooleanArray, Date32Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array,
        Int64Array, Time64MicrosecondArray, TimestampMicrosecondArray,
    },
    cast::AsArray,
};
use arrow_cast::{CastOptions, cast_with_options, display::FormatOptions};
use arrow_schema::{ArrowError, DataType};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use serde::de::IgnoredAny;

use super::Converted;
use crate::{
    model::ColumnType,
    schema::calendar::{far_date, far_timestamp},
};

/// The values of texts, but for those that say none.
pub(super) fn texts(values: &ArrayRef, to: ColumnType) -> Result<Converted, ArrowError> {
    let Some(texts) = values.as_string_opt::<i32>() else {
        return Err(ArrowError::CastError(format!("{} is no text", values.data_type())));
    };
    let each = texts.iter();
    let values: ArrayRef = match to {
        ColumnType::Text => Arc::clone(values),
        ColumnType::Json => Arc::new(said(each, json).collect::<StringArray>()),
        ColumnType::Boolean => Arc::new(said(each, boolean).collect::<BooleanArray>()),
        ColumnType::Integer => Arc::new(said(each, whole).collect::<Int32Array>()),
        ColumnType::Bigint => Arc::new(said(each, whole).collect::<Int64Array>()),
        ColumnType::Real => Arc::new(said(each, real).collect::<Float32Array>()),
        ColumnType::Double => Arc::new(said(each, double).collect::<Float64Array>()),
        ColumnType::Decimal { precision, scale } => {
            let digits = usize::from(precision - scale);
            let spelt = |text| decimal(text, digits, usize::from(scale));
            numbers(said(each, spelt).collect(), &to.data_type())?
        }
        ColumnType::Date => Arc::new(said(each, date).collect::<Date32Array>()),
        ColumnType::Time => Arc::new(said(each, time).collect::<Time64MicrosecondArray>()),
        ColumnType::Timestamp => {
            Arc::new(said(each, timestamp).collect::<TimestampMicrosecondArray>())
        }
        ColumnType::Timestamptz => {
            let moments: TimestampMicrosecondArray = said(each, moment).collect();
            Arc::new(moments.with_timezone("UTC"))
        }
        ColumnType::Uuid => {
            let uuids: Vec<Option<[u8; 16]>> = said(each, uuid).collect();
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids.into_iter(), 16)?)
        }
    };
    let is_refused = |row: &usize| texts.is_valid(*row) && values.is_null(*row);
    let refused = (0..texts.len()).filter(is_refused).collect();
    Ok(Converted { values, refused })
}

fn said<'a, T>(
    texts: impl Iterator<Item = Option<&'a str>>,
    parse: impl Fn(&'a str) -> Option<T>,
) -> impl Iterator<Item = Option<T>> {
    texts.map(move |text| text.and_then(&parse))
}

/// Texts of digits that are known to fit, as numbers.
fn numbers(texts: StringArray, to: &DataType) -> Result<ArrayRef, ArrowError> {
    let exactly = CastOptions { safe: false, format_options: FormatOptions::new() };
    cast_with_options(&texts, to, &exactly)
}

fn json(text: &str) -> Option<&str> {
    serde_json::from_str::<IgnoredAny>(text).is_ok().then_some(text)
}

fn boolean(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// Rust takes digits and a sign, and nothing else.
fn whole<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn real(text: &str) -> Option<f32> {
    let value: f32 = text.parse().ok()?;
    is_spelt_by(text, value.is_finite(), &value.to_string()).then_some(value)
}

fn double(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    is_spelt_by(text, value.is_finite(), &value.to_string()).then_some(value)
}

/// Whether the shortest text of a float says the same number, so that reading it back gives that. Of what
/// is no number, only the words are taken that it is written with.
fn is_spelt_by(text: &str, is_finite: bool, shortest: &str) -> bool {
    if !is_finite {
        return ["NaN", "Infinity", "-Infinity"].contains(&text);
    }
    let digits = significant(text);
    digits.is_some() && digits == significant(shortest)
}

/// A number's sign, its digits without zeros around, and the place of its point; none where the text is
/// no number. Zero has no sign.
fn significant(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (is_negative, whole, fraction) = parts(mantissa)?;
    let digits = format!("{whole}{fraction}");
    let ahead = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0').to_owned();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    let point = exponent.checked_add(whole.len() as i64)?.checked_sub(ahead as i64)?;
    Some((is_negative, digits, point))
}

/// The sign, and the digits before and behind the point.
fn parts(text: &str) -> Option<(bool, &str, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && is_digits(whole) && is_digits(fraction);
    is_number.then(|| (text.starts_with('-'), whole, fraction))
}

/// A number's digits in full, if there are so many before and behind the point at most.
fn decimal(text: &str, digits_max: usize, scale: usize) -> Option<String> {
    let (is_negative, digits, point) = significant(text)?;
    let ahead = usize::try_from(point.max(0)).ok()?;
    let behind = usize::try_from((digits.len() as i64).checked_sub(point)?.max(0)).ok()?;
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    if ahead > digits_max || behind > scale {
        return None;
    }
    let sign = if is_negative { "-" } else { "" };
    let (whole, fraction) = digits.split_at(ahead.min(digits.len()));
    Some(format!("{sign}0{whole:0<ahead$}.{fraction:0>behind$}0"))
}

/// Days since 1970.
fn date(text: &str) -> Option<i32> {
    let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") else { return far_date(text) };
    let epoch = NaiveDate::default().num_days_from_ce();
    date.num_days_from_ce().checked_sub(epoch)
}

fn time(text: &str) -> Option<i64> {
    let time = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
    let seconds = i64::from(time.num_seconds_from_midnight());
    Some(seconds * 1_000_000 + microseconds(time.nanosecond())?)
}

/// Behind the second; leap seconds and what is smaller have no place in the batch format.
fn microseconds(nanoseconds: u32) -> Option<i64> {
    let is_exact = nanoseconds < 1_000_000_000 && nanoseconds.is_multiple_of(1000);
    is_exact.then(|| i64::from(nanoseconds / 1000))
}

fn timestamp(text: &str) -> Option<i64> {
    let near = NaiveDateTime::parse_from_str(&with_t(text), "%Y-%m-%dT%H:%M:%S%.f");
    let Ok(near) = near else { return far_timestamp(text, false, time) };
    microseconds(near.nanosecond())?;
    Some(near.and_utc().timestamp_micros())
}

/// A text without an offset says no moment.
fn moment(text: &str) -> Option<i64> {
    let Ok(moment) = DateTime::parse_from_str(&with_t(text), "%Y-%m-%dT%H:%M:%S%.f%#z") else {
        return far_timestamp(text, true, time);
    };
    microseconds(moment.nanosecond())?;
    Some(moment.timestamp_micros())
}

/// PostgreSQL and people write a blank where ISO 8601 has a `T`.
fn with_t(text: &str) -> String {
    text.replacen(' ', "T", 1)
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes)
}

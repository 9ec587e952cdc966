//! Scalars as text: for columns that hold more than one type, and inside JSON.

use bson::{DateTime, RawBsonRef};
use cartridge_warp_sdk::Value;
use time::OffsetDateTime;

use crate::kinds::uuid;
use crate::rejection::Rejection;

const MICROS_PER_MILLI: i64 = 1_000;

/// A moment in microseconds.
pub(crate) fn micros(moment: DateTime) -> Result<i64, Rejection> {
    moment.timestamp_millis().checked_mul(MICROS_PER_MILLI).ok_or_else(|| {
        Rejection::new(
            "date-out-of-range",
            "a date is further from 1970 than 292,277 years, which no column of dates holds",
        )
    })
}

/// Appends ISO 8601 in UTC, with milliseconds where there are any.
pub(crate) fn write_moment(out: &mut Vec<u8>, moment: DateTime) -> Result<(), Rejection> {
    use std::io::Write;
    let millis = moment.timestamp_millis();
    let parts = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1_000)).ok();
    // Years with four digits; what is further off is written by the SDK.
    let Some(at) = parts.filter(|at| (0..=9_999).contains(&at.year())) else {
        out.extend_from_slice(Value::TimestampTz(micros(moment)?).to_string().as_bytes());
        return Ok(());
    };
    let (month, fraction) = (u8::from(at.month()), millis.rem_euclid(1_000));
    let (year, day) = (at.year(), at.day());
    let (hour, minute, second) = at.to_hms();
    // A vector takes all bytes.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let _ = if fraction == 0 { write!(out, "Z") } else { write!(out, ".{fraction:03}Z") };
    Ok(())
}

/// Appends a scalar the way its own column reads as text: what a column of text holds that has had
/// scalars of more than one type.
pub(crate) fn write_text(out: &mut Vec<u8>, value: RawBsonRef<'_>) -> Result<(), Rejection> {
    match value {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => {
            out.extend_from_slice(text.as_bytes())
        }
        RawBsonRef::ObjectId(id) => out.extend_from_slice(&object_id(id)),
        RawBsonRef::Int32(number) => write_integer(out, i64::from(number)),
        RawBsonRef::Int64(number) => write_integer(out, number),
        RawBsonRef::Double(number) => write_double(out, number),
        RawBsonRef::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        RawBsonRef::DateTime(moment) => write_moment(out, moment)?,
        RawBsonRef::Decimal128(number) => out.extend_from_slice(number.to_string().as_bytes()),
        RawBsonRef::Binary(binary) => match uuid(&binary) {
            Some(bytes) => out.extend_from_slice(Value::Uuid(bytes).to_string().as_bytes()),
            None => return Err(Rejection::new("type-conversion", "bytes are no text")),
        },
        _ => return Err(Rejection::new("type-conversion", "a value is no scalar")),
    }
    Ok(())
}

/// Appends an integer.
pub(crate) fn write_integer(out: &mut Vec<u8>, number: i64) {
    // A vector takes all bytes, and a number is always JSON.
    let _ = serde_json::to_writer(out, &number);
}

/// Appends the shortest text that reads back as the same double: `1.0`, `1e300`, `NaN`, `Infinity`.
pub(crate) fn write_double(out: &mut Vec<u8>, number: f64) {
    let word = match number {
        _ if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => {
            let _ = serde_json::to_writer(out, &number);
            return;
        }
    };
    out.extend_from_slice(word.as_bytes());
}

/// The 24 digits.
pub(crate) fn object_id(id: bson::oid::ObjectId) -> [u8; 24] {
    let mut digits = [0; 24];
    // Twice as many digits as bytes: it always fits.
    let _ = hex::encode_to_slice(id.bytes(), &mut digits);
    digits
}

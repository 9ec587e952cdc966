//! Scalars as text: for columns that hold more than one type, and inside JSON.

use std::io::Write;

use bson::{DateTime, RawBsonRef};
use cartridge_warp_sdk::{Value, ValueError};
use time::OffsetDateTime;

use crate::kinds::uuid;
use crate::rejection::Rejection;

const MICROS_PER_MILLI: i64 = 1_000;
/// The code of a date that no column holds.
const OUT_OF_RANGE: &str = "date-out-of-range";

/// A moment in microseconds.
pub(crate) fn micros(moment: DateTime) -> Result<i64, Rejection> {
    moment.timestamp_millis().checked_mul(MICROS_PER_MILLI).ok_or_else(|| {
        let reason = "a date is over 292,277 years from 1970, which no column of dates holds";
        Rejection::new(OUT_OF_RANGE, reason)
    })
}

/// Appends ISO 8601 in UTC, with milliseconds where there are any; years beyond four digits have a
/// sign.
pub(crate) fn write_moment(out: &mut Vec<u8>, moment: DateTime) -> Result<(), Rejection> {
    // Where microseconds end, so that text holds no more than a column of dates.
    micros(moment)?;
    let millis = moment.timestamp_millis();
    let at = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1_000));
    let at = at.map_err(|error| Rejection::new(OUT_OF_RANGE, error.to_string()))?;
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second) = at.to_hms();
    // Writing to a vector does not fail.
    let _ = match year {
        0..=9_999 => write!(out, "{year:04}"),
        _ => write!(out, "{year:+05}"),
    };
    let _ = write!(out, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let _ = match millis.rem_euclid(1_000) {
        0 => write!(out, "Z"),
        fraction => write!(out, ".{fraction:03}Z"),
    };
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
            None => out.extend_from_slice(hex::encode(binary.bytes).as_bytes()),
        },
        _ => return Err(Rejection::new(ValueError::CODE, "a value is no scalar")),
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
    let mut digits = ryu::Buffer::new();
    let text = match number {
        _ if number.is_nan() => "NaN",
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => digits.format_finite(number),
    };
    out.extend_from_slice(text.as_bytes());
}

/// The 24 digits.
pub(crate) fn object_id(id: bson::oid::ObjectId) -> [u8; 24] {
    let mut digits = [0; 24];
    // Twice as many digits as bytes: it always fits.
    let _ = hex::encode_to_slice(id.bytes(), &mut digits);
    digits
}

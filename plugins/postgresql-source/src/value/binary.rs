//! The server's binary form of values: to values of the model, and to the server's own text.
//!
//! Bytes are hostile: a value of the wrong length is none, and its text is what no type reads (I8).

use std::borrow::Cow;

use cartridge_warp_sdk::Value;
use postgresql_client::{print, types};

use super::{Codec, array, float, numeric};

/// The only version of the binary form of jsonb.
const JSONB_VERSION: u8 = 1;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The value; none where the model has no such value, or the bytes are none of the type.
pub fn value(codec: Codec, bytes: &[u8]) -> Option<Value<'_>> {
    Some(match codec {
        Codec::Printed | Codec::Text => Value::Str(utf8(bytes)?),
        Codec::Json => Value::Json(utf8(bytes)?.into()),
        Codec::Jsonb => Value::Json(utf8(bytes.strip_prefix(&[JSONB_VERSION])?)?.into()),
        Codec::Boolean => Value::Bool(match bytes {
            [0] => false,
            [1] => true,
            _ => return None,
        }),
        Codec::Int2 => Value::I64(i16::from_be_bytes(fixed(bytes)?).into()),
        Codec::Int4 => Value::I64(i32::from_be_bytes(fixed(bytes)?).into()),
        Codec::Int8 => Value::I64(i64::from_be_bytes(fixed(bytes)?)),
        // All that are not numbers are one, as in text.
        Codec::Float4 => match f32::from_be_bytes(fixed(bytes)?) {
            number if number.is_nan() => Value::F64(f64::NAN),
            number => Value::F64(number.into()),
        },
        Codec::Float8 => match f64::from_be_bytes(fixed(bytes)?) {
            number if number.is_nan() => Value::F64(f64::NAN),
            number => Value::F64(number),
        },
        Codec::Numeric => numeric::Numeric::read(bytes)?.value()?,
        Codec::NumericText | Codec::Oid | Codec::Array(_) => return None,
        Codec::Uuid => Value::Uuid(fixed(bytes)?),
        Codec::Bytes => Value::Bytes(bytes),
        Codec::Date => Value::Date(types::days_from_server(i32::from_be_bytes(fixed(bytes)?))?),
        Codec::Time => {
            let micros = i64::from_be_bytes(fixed(bytes)?);
            Value::Time(Some(micros).filter(|micros| (0..MICROS_PER_DAY).contains(micros))?)
        }
        Codec::Timestamp => Value::Timestamp(micros(bytes)?),
        Codec::TimestampTz => Value::TimestampTz(micros(bytes)?),
    })
}

/// The text of a `numeric`.
pub fn numeric(bytes: &[u8]) -> Option<String> {
    Some(numeric::Numeric::read(bytes)?.text())
}

/// What the server would have written; `\x` and the bytes where they are none of the type.
pub fn text(codec: Codec, bytes: &[u8]) -> Cow<'_, [u8]> {
    written(codec, bytes).unwrap_or_else(|| Cow::Owned(hexadecimal(bytes).into_bytes()))
}

fn written(codec: Codec, bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(match codec {
        Codec::Printed | Codec::Text | Codec::Json => Cow::Borrowed(bytes),
        Codec::Jsonb => Cow::Borrowed(bytes.strip_prefix(&[JSONB_VERSION])?),
        Codec::Array(item) => Cow::Owned(array::text(bytes, |bytes| written(*item, bytes))?),
        _ => Cow::Owned(printed(codec, bytes)?.into_bytes()),
    })
}

fn printed(codec: Codec, bytes: &[u8]) -> Option<String> {
    Some(match codec {
        Codec::Boolean => match bytes {
            [0] => "f".to_owned(),
            [1] => "t".to_owned(),
            _ => return None,
        },
        Codec::Float4 => float::single(f32::from_be_bytes(fixed(bytes)?)),
        Codec::Float8 => float::double(f64::from_be_bytes(fixed(bytes)?)),
        Codec::Numeric | Codec::NumericText => numeric(bytes)?,
        Codec::Oid => u32::from_be_bytes(fixed(bytes)?).to_string(),
        Codec::Date => print::date(i32::from_be_bytes(fixed(bytes)?)),
        Codec::Time => print::clock(i64::from_be_bytes(fixed(bytes)?)),
        Codec::Timestamp => print::timestamp(i64::from_be_bytes(fixed(bytes)?), ""),
        Codec::TimestampTz => print::timestamp(i64::from_be_bytes(fixed(bytes)?), "+00"),
        Codec::Bytes => hexadecimal(bytes),
        Codec::Int2 | Codec::Int4 | Codec::Int8 | Codec::Uuid => value(codec, bytes)?.to_string(),
        _ => return None,
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    format!("\\x{}", Value::Bytes(bytes))
}

fn micros(bytes: &[u8]) -> Option<i64> {
    types::micros_from_server(i64::from_be_bytes(fixed(bytes)?))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_another_type_are_no_value_and_no_text_of_it() {
        for codec in [
            Codec::Boolean,
            Codec::Int2,
            Codec::Int4,
            Codec::Int8,
            Codec::Float4,
            Codec::Float8,
            Codec::Numeric,
            Codec::NumericText,
            Codec::Oid,
            Codec::Array(&Codec::Int4),
            Codec::Uuid,
            Codec::Jsonb,
            Codec::Date,
            Codec::Time,
            Codec::Timestamp,
            Codec::TimestampTz,
        ] {
            for bytes in [&[][..], &[7, 7, 7], &[255; 17]] {
                assert_eq!(value(codec, bytes), None, "{codec:?} {bytes:?}");
                assert!(text(codec, bytes).starts_with(b"\\x"), "{codec:?} {bytes:?}");
            }
        }
    }

    #[test]
    fn what_the_model_lacks_is_no_value_and_still_has_its_text() {
        let micros = |micros: i64| micros.to_be_bytes().to_vec();
        let last = 9_223_371_331_199_999_999_i64;
        for (codec, bytes, expected) in [
            (Codec::Time, micros(MICROS_PER_DAY), "24:00:00"),
            (Codec::Timestamp, micros(last - 1), "294276-12-31 23:59:59.999998"),
            (Codec::TimestampTz, micros(last), "294276-12-31 23:59:59.999999+00"),
            (Codec::Numeric, vec![0, 0, 0, 0, 0xc0, 0, 0, 0], "NaN"),
            (Codec::Text, vec![0xff], "\u{fffd}"),
        ] {
            assert_eq!(value(codec, &bytes), None, "{expected}");
            assert_eq!(String::from_utf8_lossy(&text(codec, &bytes)), expected);
        }
    }
}

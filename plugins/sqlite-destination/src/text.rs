//! Values that SQLite keeps as text, written fast and always at the same width.
//!
//! Fixed widths make text order time order: `2024-05-01T12:00:00.000000Z`.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use arrow_buffer::i256;
use cartridge_warp_sdk::{parse_date, parse_timestamp};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// The present time as the metadata keeps it.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut text = String::new();
    timestamp(&mut text, i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    text.push('Z');
    text
}

/// `YYYY-MM-DD`; years beyond 0000–9999 have a sign, as ISO 8601 wants it.
pub(crate) fn date(out: &mut String, days: i64) {
    let (year, month, day) = civil(days);
    if (0..=9999).contains(&year) {
        digits(out, year, 4);
    } else {
        // Writing to a String cannot fail.
        let _ = write!(out, "{year:+05}");
    }
    out.push('-');
    digits(out, month, 2);
    out.push('-');
    digits(out, day, 2);
}

/// `HH:MM:SS.ffffff`.
pub(crate) fn time(out: &mut String, micros: i64) {
    let (seconds, fraction) = (micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND);
    digits(out, seconds / 3600, 2);
    out.push(':');
    digits(out, seconds / 60 % 60, 2);
    out.push(':');
    digits(out, seconds % 60, 2);
    out.push('.');
    digits(out, fraction, 6);
}

/// `YYYY-MM-DDTHH:MM:SS.ffffff`.
pub(crate) fn timestamp(out: &mut String, micros: i64) {
    date(out, micros.div_euclid(MICROS_PER_DAY));
    out.push('T');
    time(out, micros.rem_euclid(MICROS_PER_DAY));
}

/// The days of a date as it is written here.
pub(crate) fn read_date(text: &str) -> Option<i32> {
    let (near, days) = near_year(text)?;
    i32::try_from(i64::from(parse_date(&near)?) + days).ok()
}

/// The microseconds of a timestamp as it is written here, with or without the zone.
pub(crate) fn read_timestamp(text: &str) -> Option<i64> {
    let (near, days) = near_year(text)?;
    let (micros, _) = parse_timestamp(&near)?;
    // Together they are in range where neither part alone may be.
    let all = i128::from(micros) + i128::from(days) * i128::from(MICROS_PER_DAY);
    i64::try_from(all).ok()
}

/// Years of one calendar: after so many it begins again.
const CYCLE_YEARS: i64 = 400;
const CYCLE_DAYS: i64 = 146_097;

/// The same day of the calendar in a year of four digits, and how many days that is off.
fn near_year(text: &str) -> Option<(Cow<'_, str>, i64)> {
    if !text.starts_with(['+', '-']) {
        return Some((Cow::Borrowed(text), 0));
    }
    let end = text.get(1..)?.find('-')? + 1;
    let year: i64 = text[..end].parse().ok().filter(|_| end > 4)?;
    let near = 2000 + year.rem_euclid(CYCLE_YEARS);
    let days = (year - near) / CYCLE_YEARS * CYCLE_DAYS;
    Some((Cow::Owned(format!("{near}{}", &text[end..])), days))
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
pub(crate) fn uuid(out: &mut String, bytes: &[u8]) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
}

/// A decimal of up to 38 digits, with all digits of its scale.
pub(crate) fn decimal(out: &mut String, unscaled: i128, scale: i8) {
    let _ = write!(out, "{unscaled}");
    place_point(out, scale);
}

/// A decimal of up to 76 digits, with all digits of its scale.
pub(crate) fn wide_decimal(out: &mut String, unscaled: i256, scale: i8) {
    let _ = write!(out, "{unscaled}");
    place_point(out, scale);
}

fn place_point(out: &mut String, scale: i8) {
    let sign = usize::from(out.starts_with('-'));
    let digits = out.len() - sign;
    match usize::try_from(scale) {
        Ok(0) => {}
        Ok(scale) => {
            for _ in digits..=scale {
                out.insert(sign, '0');
            }
            out.insert(out.len() - scale, '.');
        }
        Err(_) if &out[sign..] == "0" => {}
        Err(_) => out.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs()))),
    }
}

/// The last `width` digits of a number that is not negative.
fn digits(out: &mut String, number: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

/// Year, month and day of a day since 1970: counted from March, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn times_have_a_fixed_width() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000"),
            (1_714_564_800_000_001, "2024-05-01T12:00:00.000001"),
            (-1, "1969-12-31T23:59:59.999999"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000"),
            (-62_198_755_200_000_000, "-0001-01-01T00:00:00.000000"),
            (253_402_300_800_000_000, "+10000-01-01T00:00:00.000000"),
        ] {
            assert_eq!(written(|out| timestamp(out, micros)), text);
        }
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (unscaled, scale, text) in [
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (12_345, 2, "123.45"),
            (12, 0, "12"),
            (12, -3, "12000"),
            (0, -3, "0"),
            (i128::MIN, 38, "-1.70141183460469231731687303715884105728"),
        ] {
            assert_eq!(written(|out| decimal(out, unscaled, scale)), text);
            assert_eq!(written(|out| wide_decimal(out, i256::from_i128(unscaled), scale)), text);
        }
    }

    #[test]
    fn days_and_moments_are_read_as_they_were_written() {
        for days in [0, -1, 19_844, -719_529, -734_000, 2_932_897, i32::MAX, i32::MIN] {
            let mut text = String::new();
            date(&mut text, i64::from(days));
            assert_eq!(read_date(&text), Some(days), "{text}");
        }
        for micros in [0, -1, 1_714_521_600_123_456, -70_000_000_000_000_000, i64::MAX, i64::MIN] {
            let mut text = String::new();
            timestamp(&mut text, micros);
            assert_eq!(read_timestamp(&text), Some(micros), "{text}");
            text.push('Z');
            assert_eq!(read_timestamp(&text), Some(micros), "{text}");
        }
        for text in ["", "-", "+1-01-01", "-0043-02-30", "tomorrow", "-x-01-01"] {
            assert_eq!(read_date(text), None, "{text}");
        }
    }
}

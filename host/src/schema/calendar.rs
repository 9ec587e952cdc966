//! Days and moments in words beyond the years that Arrow writes and chrono reads, up to the ends of their types.
//!
//! The last and the first value of a type are the infinities that some sources have. Every value has a text,
//! since one without would stop its table for good, and every such text is read back: a key is looked up by it.

use arrow_array::{
    Array,
    cast::AsArray,
    types::{Date32Type, TimestampMicrosecondType},
};
use arrow_schema::{DataType, TimeUnit};
use chrono::{Datelike, Days, NaiveDate};

/// Of the Gregorian calendar.
const YEARS_PER_CYCLE: i64 = 400;
const DAYS_PER_CYCLE: i64 = 146_097;
const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// How the ends of time are written.
const INFINITY: &str = "infinity";
const BEFORE_ALL: &str = "-infinity";

/// A day or a moment as ISO 8601, or `infinity` and `-infinity`; none where the array has neither.
pub fn far_time(values: &dyn Array, row: usize) -> Option<String> {
    match values.data_type() {
        DataType::Date32 => {
            let days = values.as_primitive::<Date32Type>().value(row);
            let infinity = infinity(days == i32::MAX, days == i32::MIN);
            Some(infinity.unwrap_or_else(|| date(days.into())))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = values.as_primitive::<TimestampMicrosecondType>().value(row);
            let zone = if zone.is_some() { "Z" } else { "" };
            let infinity = infinity(micros == i64::MAX, micros == i64::MIN);
            Some(infinity.unwrap_or_else(|| format!("{}{zone}", timestamp(micros))))
        }
        _ => None,
    }
}

/// The day that [`far_time`] writes so, in days since 1970: an infinity, or one of a year of any length.
pub fn far_date(text: &str) -> Option<i32> {
    match text {
        INFINITY => Some(i32::MAX),
        BEFORE_ALL => Some(i32::MIN),
        _ => i32::try_from(far_day(text)?).ok(),
    }
}

/// The moment, or the time without a zone, that [`far_time`] writes so, in microseconds since 1970. `clock` reads the
/// time of the day.
pub fn far_timestamp(
    text: &str,
    is_moment: bool,
    clock: impl Fn(&str) -> Option<i64>,
) -> Option<i64> {
    match text {
        INFINITY => Some(i64::MAX),
        BEFORE_ALL => Some(i64::MIN),
        _ => {
            let text = if is_moment { text.strip_suffix('Z')? } else { text };
            let (day, of_day) = text.split_once('T')?;
            // The first day of the type begins before it.
            let micros = i128::from(far_day(day)?) * i128::from(MICROS_PER_DAY);
            i64::try_from(micros + i128::from(clock(of_day)?)).ok()
        }
    }
}

fn far_day(text: &str) -> Option<i64> {
    let (year, day) = text.split_at(1 + text.get(1..)?.find('-')?);
    let year: i64 = year.parse().ok()?;
    // The same day of a year that chrono knows.
    let near = 2000 + year.rem_euclid(YEARS_PER_CYCLE);
    let date = NaiveDate::parse_from_str(&format!("{near}{day}"), "%Y-%m-%d").ok()?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    (year - near).checked_div(YEARS_PER_CYCLE)?.checked_mul(DAYS_PER_CYCLE)?.checked_add(days)
}

fn infinity(is_last: bool, is_first: bool) -> Option<String> {
    match (is_last, is_first) {
        (true, _) => Some(INFINITY.to_owned()),
        (_, true) => Some(BEFORE_ALL.to_owned()),
        _ => None,
    }
}

/// Years beyond 0 to 9999 have a sign.
fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

fn timestamp(micros: i64) -> String {
    let day = date(micros.div_euclid(MICROS_PER_DAY));
    let of_day = micros.rem_euclid(MICROS_PER_DAY);
    let (seconds, fraction) = (of_day / MICROS_PER_SECOND, of_day % MICROS_PER_SECOND);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => format!("{day}T{clock}"),
        _ if fraction % 1000 == 0 => format!("{day}T{clock}.{:03}", fraction / 1000),
        _ => format!("{day}T{clock}.{fraction:06}"),
    }
}

/// The day's year, month and day. Days repeat every 400 years, of which chrono knows those around now.
fn civil(days: i64) -> (i64, u32, u32) {
    let (cycle, day) = (days.div_euclid(DAYS_PER_CYCLE), days.rem_euclid(DAYS_PER_CYCLE));
    let day = NaiveDate::default().checked_add_days(Days::new(day.unsigned_abs()));
    let day = day.unwrap_or_default();
    (i64::from(day.year()) + cycle * YEARS_PER_CYCLE, day.month(), day.day())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
    use arrow_cast::display::{ArrayFormatter, FormatOptions};

    use super::*;

    #[test]
    fn it_writes_as_arrow_does_where_that_can() {
        let days = [0, -1, 59, 60, 19_843, -719_528, -719_529, 2_932_896, 2_932_897, 95_000_000];
        let micros =
            [0, -1, 1_714_564_800_500_000, 1_714_564_800_500_001, 8_000_000_000_000_000_000];
        let moments = TimestampMicrosecondArray::from(micros.to_vec());
        let arrays: [ArrayRef; 3] = [
            Arc::new(Date32Array::from(days.to_vec())),
            Arc::new(moments.clone()),
            Arc::new(moments.with_timezone("+00:00")),
        ];
        let options = FormatOptions::default();
        for values in arrays {
            let arrow = ArrayFormatter::try_new(values.as_ref(), &options).unwrap();
            for row in 0..values.len() {
                let expected = arrow.value(row).try_to_string().unwrap();
                assert_eq!(far_time(values.as_ref(), row), Some(expected));
            }
        }
    }

    #[test]
    fn the_ends_of_the_types_are_infinities_and_what_is_near_them_is_not() {
        let days = Date32Array::from(vec![i32::MAX, i32::MIN, 2_145_042_905, i32::MAX - 1]);
        let dates: Vec<_> = (0..3).filter_map(|row| far_time(&days, row)).collect();
        assert_eq!(dates, ["infinity", "-infinity", "+5874897-12-31"]);
        let last = i64::MAX;
        let micros = TimestampMicrosecondArray::from(vec![last, i64::MIN, last - 1, i64::MIN + 1]);
        let texts = |values: &dyn Array| -> Vec<String> {
            (0..4).filter_map(|row| far_time(values, row)).collect()
        };
        let near = ["+294247-01-10T04:00:54.775806", "-290308-12-21T19:59:05.224193"];
        assert_eq!(texts(&micros), ["infinity", "-infinity", near[0], near[1]]);
        let zoned = texts(&micros.clone().with_timezone("UTC"));
        assert_eq!(zoned[2], format!("{}Z", near[0]));
        // And back.
        assert_eq!(
            dates.iter().map(|it| far_date(it)).collect::<Vec<_>>()[..2],
            [Some(i32::MAX), Some(i32::MIN)]
        );
        let clock = |text: &str| match text {
            "04:00:54.775806" => Some(14_454_775_806),
            "19:59:05.224193" => Some(71_945_224_193),
            _ => None,
        };
        for (row, (plain, zoned)) in texts(&micros).iter().zip(&zoned).enumerate() {
            let value = Some(micros.value(row));
            assert_eq!(far_timestamp(plain, false, clock), value, "{plain}");
            assert_eq!(far_timestamp(zoned, true, clock), value, "{zoned}");
        }
        for none in ["+1", "-", "", "+", "+2020-13-01", "+99999999999999999999-01-01", "infinityZ"]
        {
            assert_eq!((far_date(none), far_timestamp(none, true, clock)), (None, None), "{none}");
        }
    }
}

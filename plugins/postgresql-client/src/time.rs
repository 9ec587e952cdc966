//! Days and times in PostgreSQL's ISO style, over its whole range, to numbers.
//!
//! Infinities become the last and first value of the type, as everywhere in these connectors.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

/// `2024-05-01`, `44-03-15 BC`, `infinity`: days since 1970-01-01.
pub fn date(text: &str) -> Option<i32> {
    match text {
        "infinity" => Some(i32::MAX),
        "-infinity" => Some(i32::MIN),
        _ => {
            let (text, before_christ) = era(text);
            i32::try_from(days(text, before_christ)?).ok()
        }
    }
}

/// `2024-05-01 10:00:00.5`, with `+00` behind it for a moment: microseconds since 1970-01-01.
pub fn timestamp(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (text, before_christ) = era(text);
    let (day, clock) = text.split_once(' ')?;
    let clock = clock.strip_suffix("+00").unwrap_or(clock);
    let day = days(day, before_christ)?.checked_mul(MICROS_PER_DAY)?;
    day.checked_add(self::clock(clock)?)
}

fn era(text: &str) -> (&str, bool) {
    text.strip_suffix(" BC").map_or((text, false), |rest| (rest, true))
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn days(text: &str, before_christ: bool) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) =
        (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    let valid = (1..10_000_000).contains(&year) && (1..=12).contains(&month);
    // There is no year zero: 1 BC is the year before 1.
    let year = if before_christ { 1 - year } else { year };
    if !valid || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    Some(days_since_epoch(year, month, day))
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts from March, so that the leap day is the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `10:00:00.5`: microseconds since midnight.
pub fn clock(clock: &str) -> Option<i64> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute, second) =
        (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 6 {
        return None;
    }
    let fraction = match fraction {
        "" => 0,
        _ => number(fraction)? * 10_i64.pow(6 - fraction.len() as u32),
    };
    Some(((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_over_the_whole_range() {
        for (text, days) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(11_016)),
            ("0001-01-01", Some(-719_162)),
            ("0001-12-31 BC", Some(-719_163)),
            ("4714-11-24 BC", Some(-2_440_588)),
            ("5874897-12-31", Some(2_145_042_905)),
            ("infinity", Some(i32::MAX)),
            ("-infinity", Some(i32::MIN)),
            ("0000-01-01", None),
            ("2024-13-01", None),
            ("2024-01", None),
            ("2023-02-29", None),
            ("1900-02-29", None),
            ("2024-04-31", None),
            ("+024-01-01", None),
            ("", None),
        ] {
            assert_eq!(date(text), days, "{text}");
        }
    }

    #[test]
    fn times_are_read_over_the_whole_range() {
        for (text, micros) in [
            ("1970-01-01 00:00:00", Some(0)),
            ("1970-01-01 00:00:00.000001+00", Some(1)),
            ("1969-12-31 23:59:59.5+00", Some(-500_000)),
            ("4714-11-24 00:00:00 BC", Some(-210_866_803_200_000_000)),
            ("4714-11-24 00:00:00+00 BC", Some(-210_866_803_200_000_000)),
            ("294246-12-31 23:59:59.999999", Some(9_223_371_244_799_999_999)),
            // The server's last thirty years are beyond the model's.
            ("294276-12-31 23:59:59.999999", None),
            ("infinity", Some(i64::MAX)),
            ("-infinity", Some(i64::MIN)),
            ("1970-01-01 24:00:00", None),
            ("1970-01-01 00:00:00+05", None),
            ("1970-01-01", None),
            ("1970-01-01 00:00:00.0000001", None),
        ] {
            assert_eq!(timestamp(text), micros, "{text}");
        }
    }
}

//! ISO 8601 dates, times and timestamps to numbers; nothing that would lose digits.

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Reads `YYYY-MM-DD` as days since 1970-01-01.
///
/// ```
/// # use cartridge_warp_sdk::parse_date;
/// assert_eq!(parse_date("1970-01-02"), Some(1));
/// assert_eq!(parse_date("2023-02-29"), None);
/// ```
pub fn parse_date(text: &str) -> Option<i32> {
    let mut rest = text.as_bytes();
    let days = take_date(&mut rest)?;
    rest.is_empty().then_some(days)
}

/// Reads `HH:MM[:SS[.ffffff]]` as microseconds since midnight.
pub fn parse_time(text: &str) -> Option<i64> {
    let mut rest = text.as_bytes();
    let micros = take_time(&mut rest)?;
    rest.is_empty().then_some(micros)
}

/// Reads an ISO 8601 timestamp: microseconds, and whether the text named a zone (then they are
/// UTC). Fractions finer than a microsecond are refused.
///
/// ```
/// # use cartridge_warp_sdk::parse_timestamp;
/// assert_eq!(parse_timestamp("1970-01-01T01:00:00+01:00"), Some((0, true)));
/// assert_eq!(parse_timestamp("1970-01-01 00:00:00.5"), Some((500_000, false)));
/// ```
pub fn parse_timestamp(text: &str) -> Option<(i64, bool)> {
    let mut rest = text.as_bytes();
    let days = i64::from(take_date(&mut rest)?);
    if !matches!(take(&mut rest)?, b'T' | b't' | b' ') {
        return None;
    }
    let local = days * SECONDS_PER_DAY * MICROS_PER_SECOND + take_time(&mut rest)?;
    match rest {
        [] => Some((local, false)),
        [b'Z' | b'z'] => Some((local, true)),
        _ => Some((local - take_offset(rest)? * MICROS_PER_SECOND, true)),
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    Some(*first)
}

fn expect(rest: &mut &[u8], byte: u8) -> Option<()> {
    (take(rest)? == byte).then_some(())
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let mut number = 0;
    for _ in 0..count {
        let digit = take(rest)?.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number * 10 + i64::from(digit);
    }
    Some(number)
}

fn take_date(rest: &mut &[u8]) -> Option<i32> {
    let year = digits(rest, 4)?;
    expect(rest, b'-')?;
    let month = digits(rest, 2)?;
    expect(rest, b'-')?;
    let day = digits(rest, 2)?;
    let in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    ((1..=in_month).contains(&day)).then(|| days_since_epoch(year, month, day)).flatten()
}

/// Counts from March, so that the leap day is the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i32> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

fn take_time(rest: &mut &[u8]) -> Option<i64> {
    let hour = digits(rest, 2)?;
    expect(rest, b':')?;
    let minute = digits(rest, 2)?;
    let mut second = 0;
    let mut micros = 0;
    if rest.first() == Some(&b':') {
        *rest = &rest[1..];
        second = digits(rest, 2)?;
        if rest.first() == Some(&b'.') {
            *rest = &rest[1..];
            micros = take_fraction(rest)?;
        }
    }
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + micros)
}

fn take_fraction(rest: &mut &[u8]) -> Option<i64> {
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, tail) = rest.split_at(length);
    *rest = tail;
    if length == 0 || fraction.iter().skip(6).any(|digit| *digit != b'0') {
        return None;
    }
    let padded = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Some(padded.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')))
}

/// `+HH`, `+HHMM` or `+HH:MM`, in seconds.
fn take_offset(mut rest: &[u8]) -> Option<i64> {
    let sign = match take(&mut rest)? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = digits(&mut rest, 2)?;
    if rest.first() == Some(&b':') {
        rest = &rest[1..];
    }
    let minutes = if rest.is_empty() { 0 } else { digits(&mut rest, 2)? };
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

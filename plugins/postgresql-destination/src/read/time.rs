//! Days, times and intervals in the server's ISO style.

use postgresql_client::{time, types};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MONTHS_PER_YEAR: i32 = 12;

pub(super) fn date(text: &str, out: &mut Vec<u8>) -> Option<()> {
    number(out, types::days_to_server(time::date(text)?)?.to_be_bytes())
}

pub(super) fn clock(text: &str, out: &mut Vec<u8>) -> Option<()> {
    number(out, time::clock(text)?.to_be_bytes())
}

/// `12:34:56.789+02`, `-03:30`, `+05:30:15`: the server keeps how far west of Greenwich that is.
pub(super) fn zoned_clock(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let (clock, zone) = text.split_at(text.find(['+', '-'])?);
    let parts = zone[1..].split(':').map(|part| {
        let is_number = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_digit());
        part.parse::<i32>().ok().filter(|_| is_number)
    });
    let parts = parts.collect::<Option<Vec<_>>>()?;
    let east = match parts[..] {
        [hours] => hours * 3_600,
        [hours, minutes] if minutes < 60 => hours * 3_600 + minutes * 60,
        [hours, minutes, seconds] if minutes < 60 && seconds < 60 => {
            hours * 3_600 + minutes * 60 + seconds
        }
        _ => return None,
    };
    let west = if zone.starts_with('-') { east } else { -east };
    number(out, time::clock(clock)?.to_be_bytes())?;
    number(out, west.to_be_bytes())
}

/// A moment is written in UTC.
pub(super) fn timestamp(text: &str, out: &mut Vec<u8>) -> Option<()> {
    number(out, types::micros_to_server(time::timestamp(text)?)?.to_be_bytes())
}

/// `-1 years -2 mons +3 days -04:05:06.789`: each part counts for itself.
pub(super) fn interval(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let (mut months, mut days, mut micros) = (0_i32, 0_i32, 0_i64);
    let mut words = text.split(' ').peekable();
    words.peek().filter(|word| !word.is_empty())?;
    let mut last = 0;
    while let Some(word) = words.next() {
        let Some(unit) = words.next() else {
            micros = signed_clock(word)?;
            break;
        };
        let amount: i32 = word.parse().ok()?;
        // Each unit once, from the largest on.
        let place = match unit {
            "year" | "years" => {
                months = amount.checked_mul(MONTHS_PER_YEAR)?;
                1
            }
            "mon" | "mons" => {
                months = months.checked_add(amount)?;
                2
            }
            "day" | "days" => {
                days = amount;
                3
            }
            _ => return None,
        };
        if std::mem::replace(&mut last, place) >= place {
            return None;
        }
    }
    number(out, micros.to_be_bytes())?;
    number(out, days.to_be_bytes())?;
    number(out, months.to_be_bytes())
}

/// Hours, as many as there are, minutes, seconds and parts of them; one sign is for all.
fn signed_clock(text: &str) -> Option<i64> {
    let (sign, clock) = match text.strip_prefix('-') {
        Some(clock) => (-1, clock),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, rest) = clock.split_once(':')?;
    let is_number = !hours.is_empty() && hours.bytes().all(|digit| digit.is_ascii_digit());
    let hours: i64 = hours.parse().ok().filter(|_| is_number)?;
    // Minutes and seconds are those of any time of day.
    let micros = time::clock(&format!("00:{rest}"))?;
    let all = hours.checked_mul(3_600 * MICROS_PER_SECOND)?.checked_add(micros)?;
    Some(sign * all)
}

fn number<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) -> Option<()> {
    out.extend_from_slice(&bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_of_a_clock_are_kept_as_seconds_to_the_west() {
        let hour = 3_600 * MICROS_PER_SECOND;
        for (text, expected) in [
            ("00:00:00+00", Some((0, 0))),
            ("01:00:00.5+02", Some((hour + MICROS_PER_SECOND / 2, -7_200))),
            ("01:00:00-03:30", Some((hour, 12_600))),
            ("01:00:00+05:30:15", Some((hour, -19_815))),
            ("01:00:00", None),
            ("01:00:00+2", None),
            ("01:00:00+02:60", None),
            ("01:00:00+02:00:00:00", None),
            ("24:00:00+00", None),
            ("", None),
        ] {
            let mut out = Vec::new();
            let read = zoned_clock(text, &mut out).map(|()| {
                let (micros, west) = out.split_first_chunk().unwrap();
                (i64::from_be_bytes(*micros), i32::from_be_bytes(west.try_into().unwrap()))
            });
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn parts_of_an_interval_count_for_themselves() {
        let hour = 3_600 * MICROS_PER_SECOND;
        for (text, expect) in [
            ("00:00:00", Some((0, 0, 0))),
            ("1 year", Some((0, 0, 12))),
            ("-1 years -2 mons +3 days -04:05:06.789", Some((-14_706_789_000, 3, -14))),
            ("1 mon -00:00:00.000001", Some((-1, 0, 1))),
            ("-1 days +02:00:00", Some((2 * hour, -1, 0))),
            ("300:00:00", Some((300 * hour, 0, 0))),
            ("2562047788:00:54.775807", Some((i64::MAX, 0, 0))),
            ("178956970 years 7 mons", Some((0, 0, i32::MAX))),
            ("178956970 years 8 mons", None),
            ("9999999999:00:00", None),
            ("1 day 1 day", None),
            ("1 day 1 year", None),
            ("1 week", None),
            ("1", None),
            ("1:00", None),
            ("P1D", None),
            ("infinity", None),
            ("", None),
        ] {
            let mut out = Vec::new();
            let parts = interval(text, &mut out).map(|()| {
                let (micros, rest) = out.split_first_chunk().unwrap();
                let (days, months) = rest.split_first_chunk().unwrap();
                let months = i32::from_be_bytes(months.try_into().unwrap());
                (i64::from_be_bytes(*micros), i32::from_be_bytes(*days), months)
            });
            assert_eq!(parts, expect, "{text}");
        }
    }
}

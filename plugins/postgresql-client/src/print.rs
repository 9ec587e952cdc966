//! Days and times as the server writes them, in its ISO style and over its whole range, and keys as it reads them.

use cartridge_warp_sdk::Value;

use crate::types::{EPOCH_DAYS, days_to_server, micros_to_server};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

/// A value of a key as the server reads it; none of NULL.
pub fn key(value: &Value<'_>) -> Option<String> {
    let of_server = match value {
        Value::Null => return None,
        Value::Bytes(_) => Some(format!("\\x{value}")),
        Value::Date(days) => days_to_server(*days).map(date),
        Value::Timestamp(micros) => micros_to_server(*micros).map(|micros| timestamp(micros, "")),
        Value::TimestampTz(micros) => {
            micros_to_server(*micros).map(|micros| timestamp(micros, "+00"))
        }
        _ => None,
    };
    Some(of_server.unwrap_or_else(|| value.to_string()))
}

/// Days since 2000-01-01, as the server counts them.
pub fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        _ => {
            let (day, era) = civil(days.into());
            day + era
        }
    }
}

/// Microseconds since 2000-01-01; `zone` stands behind the time of day.
pub fn timestamp(micros: i64, zone: &str) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => {
            let (day, era) = civil(micros.div_euclid(MICROS_PER_DAY));
            format!("{day} {}{zone}{era}", clock(micros.rem_euclid(MICROS_PER_DAY)))
        }
    }
}

/// Microseconds since midnight.
pub fn clock(micros: i64) -> String {
    let (seconds, fraction) =
        (micros.div_euclid(MICROS_PER_SECOND), micros.rem_euclid(MICROS_PER_SECOND));
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => text,
        _ => format!("{text}.{fraction:06}").trim_end_matches('0').to_owned(),
    }
}

/// Year, month and day, and what stands behind them; of days from 2000 on.
fn civil(days: i64) -> (String, &'static str) {
    let days = days + i64::from(EPOCH_DAYS) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{time, types};

    #[test]
    fn days_and_times_are_written_as_they_are_read() {
        for text in [
            "1970-01-01",
            "2000-02-29",
            "0001-01-01",
            "0001-12-31 BC",
            "4714-11-24 BC",
            "5874897-12-31",
            "infinity",
            "-infinity",
        ] {
            let days = types::days_to_server(time::date(text).unwrap()).unwrap();
            assert_eq!(date(days), text);
            assert_eq!(key(&Value::Date(time::date(text).unwrap())).unwrap(), text);
        }
        for text in [
            "1969-12-31 23:59:59.5+00",
            "2024-02-29 10:00:00.000001+00",
            "4714-11-24 00:00:00+00 BC",
            "294246-12-31 23:59:59.999999+00",
            "infinity",
            "-infinity",
        ] {
            let micros = types::micros_to_server(time::timestamp(text).unwrap()).unwrap();
            assert_eq!(timestamp(micros, "+00"), text);
            assert_eq!(key(&Value::TimestampTz(time::timestamp(text).unwrap())).unwrap(), text);
        }
    }
}

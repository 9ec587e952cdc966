//! A moment on the command line.

use chrono::{DateTime, Utc};

use crate::config::Interval;

/// Microseconds since 1970 of a time as in RFC 3339, or of a time so long ago.
pub fn micros(text: &str) -> Result<i64, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_micros());
    }
    let ago: Interval = text.parse().map_err(|_| {
        "write a time with its zone, such as 2025-12-31T18:00:00Z, or how long ago, such as 90m"
            .to_owned()
    })?;
    let ago = i64::try_from(ago.duration().as_micros()).unwrap_or(i64::MAX);
    Ok(Utc::now().timestamp_micros().saturating_sub(ago))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_times_or_ages() {
        assert_eq!(micros("1970-01-01T00:00:01Z"), Ok(1_000_000));
        assert_eq!(micros("1970-01-01T01:00:00.5+01:00"), Ok(500_000));
        let now = Utc::now().timestamp_micros();
        let hour = now - micros("1h").unwrap();
        assert!((3_500_000_000..3_700_000_000).contains(&hour), "{hour}");
        for wrong in ["", "yesterday", "2025-12-31", "-1h"] {
            assert!(micros(wrong).is_err(), "{wrong}");
        }
    }
}

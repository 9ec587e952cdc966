//! A length of time, written in seconds (`5`, `0.25`) or with its unit (`250ms`, `1m 30s`).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A length of time as a configuration writes it; [`Interval::duration`] is what code computes with.
///
/// ```
/// use std::time::Duration;
/// use cartridge_warp::config::Interval;
/// assert_eq!("250ms".parse::<Interval>().unwrap().duration(), Duration::from_millis(250));
/// assert_eq!("0.25".parse::<Interval>().unwrap().to_string(), "250ms");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(Duration);

/// Why a text or number is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time; write seconds (5, 0.25) or a unit (250ms, 5s, 2m)")]
pub struct NotInterval(String);

impl Interval {
    /// An interval of that length.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// So many seconds.
    #[must_use]
    pub const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }

    /// The length as the standard library's type.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    fn from_seconds(seconds: f64) -> Result<Self, NotInterval> {
        let rejected = |_| NotInterval(seconds.to_string());
        Duration::try_from_secs_f64(seconds).map(Self).map_err(rejected)
    }
}

impl FromStr for Interval {
    type Err = NotInterval;

    fn from_str(text: &str) -> Result<Self, NotInterval> {
        // Environment variables bring numbers as text: a bare number means seconds there too.
        if let Ok(seconds) = text.parse::<f64>() {
            return Self::from_seconds(seconds);
        }
        humantime::parse_duration(text).map(Self).map_err(|_| NotInterval(text.to_owned()))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", humantime::format_duration(self.0))
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntervalVisitor)
    }
}

struct IntervalVisitor;

impl Visitor<'_> for IntervalVisitor {
    type Value = Interval;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time like 5, 250ms or 5s")
    }

    fn visit_u64<E: Error>(self, seconds: u64) -> Result<Interval, E> {
        Ok(Interval::seconds(seconds))
    }

    fn visit_i64<E: Error>(self, seconds: i64) -> Result<Interval, E> {
        u64::try_from(seconds)
            .map(Interval::seconds)
            .map_err(|_| E::custom(NotInterval(seconds.to_string())))
    }

    fn visit_f64<E: Error>(self, seconds: f64) -> Result<Interval, E> {
        Interval::from_seconds(seconds).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Interval, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for Interval {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Interval".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "format": "a length of time: seconds, or text like 250ms or 5s",
        })
    }
}

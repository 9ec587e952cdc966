//! When a batch schema runs, as a cron expression.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// A checked cron expression: minute, hour, day of month, month, day of week; seconds may stand
/// before them.
///
/// ```
/// use cartridge_warp::config::Schedule;
/// assert!("0 3 * * *".parse::<Schedule>().is_ok());
/// assert!("*/10 * * * * *".parse::<Schedule>().is_ok());
/// assert!("61 * * * *".parse::<Schedule>().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Schedule {
    text: String,
    cron: Cron,
}

/// Why an expression is refused.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a cron expression: {reason}")]
pub struct NotSchedule {
    text: String,
    #[source]
    reason: croner::errors::CronError,
}

impl Schedule {
    /// How long until the next run, by the clock of the machine; none when there is none.
    #[must_use]
    pub fn until_next(&self) -> Option<Duration> {
        let now = chrono::Local::now();
        let next = self.cron.find_next_occurrence(&now, false).ok()?;
        (next - now).to_std().ok()
    }
}

impl FromStr for Schedule {
    type Err = NotSchedule;

    fn from_str(text: &str) -> Result<Self, NotSchedule> {
        match text.parse() {
            Ok(cron) => Ok(Self { text: text.to_owned(), cron }),
            Err(reason) => Err(NotSchedule { text: text.to_owned(), reason }),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schedule {}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Schedule {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Schedule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "a cron expression like \"0 3 * * *\""})
    }
}

//! How many dead letters of a table are too many: a number of them, or a share of its rows.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Rows of which a share is judged, unless it says so: the first row that is bad is no share yet.
const ROWS_MIN: u64 = 1000;

const PER_PERCENT: f64 = 10_000.0;

/// `5`, `1%`, or `0.5% of 10000`.
///
/// ```
/// use cartridge_warp::config::DeadLetterLimit;
/// let DeadLetterLimit::Share(share) = "1%".parse().unwrap() else { panic!() };
/// assert!(share.is_exceeded(11, 1000) && !share.is_exceeded(10, 1000));
/// assert!(!share.is_exceeded(500, 999), "of too few rows");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetterLimit {
    /// So many may be open.
    Rows(u64),
    /// So large a share of the rows that come.
    Share(Share),
}

/// A share of rows, judged once enough of them came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    per_million: u32,
    rows_min: u64,
}

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no limit of dead letters; write a number (100) or a share between 0.0001% and 99.9999% (1%), \
     if need be with the rows from which on it is judged (1% of 5000)"
)]
pub struct NotLimit(String);

impl Share {
    /// Whether `part` rows of `all` are more than the share, and `all` are enough to say so.
    #[must_use]
    pub fn is_exceeded(&self, part: u64, all: u64) -> bool {
        let (part, per_million) = (u128::from(part), u128::from(self.per_million));
        all >= self.rows_min && part * 1_000_000 > u128::from(all) * per_million
    }

    fn parse(text: &str) -> Option<Self> {
        let (percent, rows) = text.split_once('%')?;
        let percent: f64 = percent.trim().parse().ok()?;
        let per_million = (percent * PER_PERCENT).round();
        let is_exact = (per_million / PER_PERCENT - percent).abs() < 1e-9;
        let rows_min = match rows.trim() {
            "" => ROWS_MIN,
            rows => rows.strip_prefix("of ")?.trim().parse().ok()?,
        };
        let is_share = is_exact && (1.0..1_000_000.0).contains(&per_million) && rows_min > 0;
        // Within the range of the type by then.
        is_share.then_some(Self { per_million: per_million as u32, rows_min })
    }
}

impl FromStr for DeadLetterLimit {
    type Err = NotLimit;

    fn from_str(text: &str) -> Result<Self, NotLimit> {
        let rows = text.trim().parse().map(Self::Rows).ok();
        let limit = rows.or_else(|| Share::parse(text).map(Self::Share));
        limit.ok_or_else(|| NotLimit(text.to_owned()))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.per_million) / PER_PERCENT;
        write!(f, "{percent}% of {}", self.rows_min)
    }
}

impl Serialize for DeadLetterLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rows(rows) => serializer.serialize_u64(*rows),
            Self::Share(share) => serializer.collect_str(share),
        }
    }
}

impl<'de> Deserialize<'de> for DeadLetterLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LimitVisitor)
    }
}

struct LimitVisitor;

impl Visitor<'_> for LimitVisitor {
    type Value = DeadLetterLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of rows, or a share like 1%")
    }

    fn visit_u64<E: Error>(self, rows: u64) -> Result<DeadLetterLimit, E> {
        Ok(DeadLetterLimit::Rows(rows))
    }

    fn visit_i64<E: Error>(self, rows: i64) -> Result<DeadLetterLimit, E> {
        let rows = u64::try_from(rows).map_err(|_| E::custom(NotLimit(rows.to_string())))?;
        Ok(DeadLetterLimit::Rows(rows))
    }

    /// Environment and command line bring numbers as text, too.
    fn visit_str<E: Error>(self, text: &str) -> Result<DeadLetterLimit, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for DeadLetterLimit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DeadLetterLimit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "format": "a number of rows, or a share like 1% or \"0.5% of 10000\"",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_way_of_writing_it_is_understood() {
        for (written, shown) in [
            (json!(5), json!(5)),
            (json!("0"), json!(0)),
            (json!("1%"), json!("1% of 1000")),
            (json!(" 0.05 % of 200"), json!("0.05% of 200")),
            (json!("99.9999%"), json!("99.9999% of 1000")),
            (json!("0.0001% of 1"), json!("0.0001% of 1")),
        ] {
            let read: DeadLetterLimit = serde_json::from_value(written.clone()).unwrap();
            let again = serde_json::to_value(read).unwrap();
            assert_eq!(again, shown, "{written}");
            assert_eq!(
                serde_json::from_value::<DeadLetterLimit>(again).unwrap(),
                read,
                "{written}"
            );
        }
        let no_share = [
            "", "%", "0%", "100%", "-1%", "nan%", "inf%", "0.00001%", "1% of 0", "1% of x", "1%ish",
        ];
        for wrong in no_share.iter().map(|text| json!(text)).chain([json!(-1), json!(0.5)]) {
            assert!(serde_json::from_value::<DeadLetterLimit>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_is_exceeded_by_more_than_it_of_enough_rows() {
        let share = |text: &str| Share::parse(text).unwrap();
        for (text, part, all, expected) in [
            ("1% of 100", 1, 100, false),
            ("1% of 100", 2, 100, true),
            ("1% of 100", 99, 99, false),
            ("1% of 100", 2, 200, false),
            ("0.0001% of 1", 1, 999_999, true),
            ("0.0001% of 1", 1, 1_000_000, false),
            ("50% of 1", u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(share(text).is_exceeded(part, all), expected, "{text}: {part} of {all}");
        }
    }
}

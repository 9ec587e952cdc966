//! Comparing both sides, again and again while a run goes on.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::at_least_one;
use crate::config::values::Interval;

/// How a run compares the rows of both sides beside its work.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Verification {
    /// How long after one comparison of a schema began the next one begins, such as 24h; the first begins when the
    /// schema follows its source. Schemas of a process take turns. Without it, a run compares nothing.
    pub every: Option<Interval>,
    /// The most rows a second that it reads of each side. The slower, the longer does a source hold what it holds for
    /// a stretch of a table: about a minute, where it can cut tables so small.
    pub rows_per_second: NonZeroU32,
    /// How long rows of a table that differ are looked at again: rows that are written to all the time and a run that
    /// is late take longer.
    pub wait: Interval,
}

impl Default for Verification {
    fn default() -> Self {
        Self { every: None, rows_per_second: at_least_one(10_000), wait: Interval::seconds(60) }
    }
}

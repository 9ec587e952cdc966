//! Waiting for another run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::Interval;

/// What a run with `--standby` goes by.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Standby {
    /// How long the run that holds a schema may say nothing before one that waits takes over, between 5 seconds and
    /// an hour. A short time takes over from a run that only stood still for a moment, which costs a pause.
    pub ttl_seconds: Interval,
}

impl Default for Standby {
    fn default() -> Self {
        Self { ttl_seconds: Interval::seconds(10) }
    }
}

//! What happens when something fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::Interval;

/// Retries, and rows the destination can't take.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorHandling {
    /// How often a failed call is tried again before the table stops; 0 stops at once.
    pub max_retries: u32,
    /// How much longer each wait is than the one before; at least 1.
    pub backoff_factor: f64,
    /// The longest wait between two tries.
    pub max_backoff_seconds: Interval,
    /// Keeps a row the destination can't take for later; `false` stops its table instead.
    pub dead_letter_queue: bool,
    /// A value that does not fit its column's type becomes a dead letter; `false` stops the table.
    pub ignore_type_conversion_errors: bool,
    /// Logs each value that did not fit its column's type, by column, never by value.
    pub log_conversion_warnings: bool,
}

impl Default for ErrorHandling {
    fn default() -> Self {
        Self {
            max_retries: 3,
            backoff_factor: 2.0,
            max_backoff_seconds: Interval::seconds(300),
            dead_letter_queue: true,
            ignore_type_conversion_errors: true,
            log_conversion_warnings: true,
        }
    }
}

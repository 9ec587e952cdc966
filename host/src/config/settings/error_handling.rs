//! What happens when something fails.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{DeadLetterLimit, Interval};

/// Tries of a run that ends when it has caught up: nobody waits for ever for a server that is not there.
const RETRIES_OF_A_RUN_WITH_AN_END: u32 = 3;

/// Retries, and rows the destination can't take.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorHandling {
    /// How often in a row a schema is tried again before it stops; 0 stops at once. Without it a schema
    /// that follows its source is tried again for ever, and one that ends when it has caught up 3 times.
    pub max_retries: Option<u32>,
    /// How often in a row everything is copied anew because the position is lost (`on_lost_position`).
    pub max_resyncs: u32,
    /// How much longer each wait is than the one before; at least 1.
    pub backoff_factor: f64,
    /// The longest wait between two tries.
    pub max_backoff_seconds: Interval,
    /// Keeps a row the destination can't take for later; `false` stops its table instead.
    pub dead_letter_queue: bool,
    /// How many dead letters of one table may be open, settled ones and those from before its last copy
    /// not counted: with more, the table is left out until a person has it copied again
    /// (`on_table_failure`). 0 lets none be. Without it any number. A share (`1%`) is one of the rows that a
    /// run brings of the table, copied or changed, since it began or emptied the table; it is judged from
    /// 1,000 rows on, or from so many as it says (`1% of 5000`).
    pub dead_letter_limit: Option<DeadLetterLimit>,
    /// A value that does not fit its column's type becomes a dead letter; `false` stops the table.
    pub ignore_type_conversion_errors: bool,
    /// Logs each value that did not fit its column's type, by column, never by value.
    pub log_conversion_warnings: bool,
}

impl Default for ErrorHandling {
    fn default() -> Self {
        Self {
            max_retries: None,
            max_resyncs: 3,
            backoff_factor: 2.0,
            max_backoff_seconds: Interval::seconds(300),
            dead_letter_queue: true,
            dead_letter_limit: None,
            ignore_type_conversion_errors: true,
            log_conversion_warnings: true,
        }
    }
}

impl ErrorHandling {
    /// Retries in a row of a run that has an end, or of one that goes on until somebody stops it.
    pub fn retries_max(&self, has_an_end: bool) -> u32 {
        let default = if has_an_end { RETRIES_OF_A_RUN_WITH_AN_END } else { u32::MAX };
        self.max_retries.unwrap_or(default)
    }
}

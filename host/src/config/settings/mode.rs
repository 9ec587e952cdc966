//! How long a schema or table runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a schema is followed or caught up with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SyncMode {
    /// Follows changes until stopped.
    #[default]
    Stream,
    /// Catches up, then ends.
    Batch,
}

//! Something that changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A schema, or a table of it, is in another state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When, as in RFC 3339.
    pub at: String,
    pub schema: String,
    /// The table; none where it is the schema's own state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// As in the status: `streaming`, `retrying`, `parked` and so on; `gone` for a table that the source dropped. `drifted`
    /// for one whose rows are not the source's, each time that they are compared, and `equal` where they are again.
    pub state: String,
    /// Failures in a row of a schema that is retrying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why a table is parked, in a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

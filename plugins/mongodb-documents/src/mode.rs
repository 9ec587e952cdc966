//! What the operator chooses about a collection's columns and key.

use cartridge_warp_sdk::schemars::JsonSchema;
use serde::Deserialize;

/// Levels that can be flattened at most; deeper ones are JSON whatever is asked for.
pub const FLATTENED_LEVELS_MAX: u32 = 32;

/// How documents become columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A column for each top-level field.
    Columns {
        /// Levels of nested documents whose fields get columns of their own, `address_city`; what
        /// lies deeper is JSON. 0: every nested document is JSON.
        max_depth: u32,
    },
    /// `_id` and the whole document as JSON, in the column `document`.
    Document,
}

/// What the column `_id` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(crate = "cartridge_warp_sdk::schemars")]
pub enum IdType {
    /// What fits the collection: ObjectIds as hexadecimal text, strings as text, integers as bigint,
    /// UUIDs as uuid, others as JSON text. A collection must then keep to one of them.
    #[default]
    Auto,
    /// JSON text, which holds every `_id` and keeps different ones apart.
    Json,
}

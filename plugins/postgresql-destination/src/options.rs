//! What an operator may set under `destination.options`.

use schemars::JsonSchema;
use serde::Deserialize;

/// The connector's options.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Keep `_cartridge_created_at`, `_cartridge_updated_at` and `_cartridge_version` in each row,
    /// for a tenth more space, and snapshots that cannot be copied straight into their table.
    pub audit_columns: bool,
}

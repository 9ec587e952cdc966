//! What an operator may set under `destination.options`.

use schemars::JsonSchema;
use serde::Deserialize;

/// The connector's options.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Name tables `<schema>_<table>` instead of `<table>`: needed when several schemas with tables
    /// of the same name share the file.
    pub schema_prefix: bool,
    /// Keep `_cartridge_created_at`, `_cartridge_updated_at` and `_cartridge_version` in each row,
    /// for about a tenth more space and time.
    pub audit_columns: bool,
    /// How much is waited for the disk at each commit.
    pub synchronous: Synchronous,
    /// Memory for database pages, in MiB; it counts against the connector's memory limit.
    #[schemars(range(min = 1, max = 1024))]
    pub cache_mebibytes: u32,
    /// Seconds after which a lock is taken for one that a killed process left behind. Shorter:
    /// quicker restarts; longer: safe also where a disk stalls for that long while another runner
    /// waits for the same file.
    #[schemars(range(min = 1, max = 3600))]
    pub stale_lock_seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schema_prefix: false,
            audit_columns: false,
            synchronous: Synchronous::Full,
            cache_mebibytes: 32,
            stale_lock_seconds: 10,
        }
    }
}

/// How much is waited for the disk at each commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// A commit that was acknowledged survives the loss of power.
    Full,
    /// Survives a killed process; the loss of power can, rarely, damage the file.
    Normal,
    /// Survives a killed process; the loss of power is likely to damage the file. Not crash-safe.
    Off,
}

impl Synchronous {
    /// The word of `PRAGMA synchronous`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
            Self::Off => "OFF",
        }
    }
}

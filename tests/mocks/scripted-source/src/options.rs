//! The options: how long the history is, and which calls fail how.

use schemars::JsonSchema;
use script::Fault;
use serde::Deserialize;

pub use crate::told::ToldOptions;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Number of tables.
    pub tables: u64,
    /// Keys per table.
    pub keys: u64,
    /// Changes that are in the past when the source is first asked; the snapshot shows them.
    pub past: u64,
    /// Changes in all.
    pub changes: u64,
    /// Calls that fail.
    pub faults: Vec<Fault>,
    /// A change of shape that comes with a change of the history.
    pub reshape: Option<Reshape>,
    /// What to try when it connects.
    pub probe: Probe,
    /// Tell what somebody else writes, and nothing of the own history.
    pub told: Option<ToldOptions>,
}

/// A change of every table's shape; until then each has a text column `note`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reshape {
    /// The number of the change before which it happens.
    pub at: u64,
    pub kind: ReshapeKind,
    /// The type of `note` before; a string by default.
    pub from: Option<String>,
    /// Its type afterwards; what the kind says by default.
    pub to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReshapeKind {
    /// `note` goes away.
    Drop,
    /// `note` is called `remark`.
    Rename,
    /// `note` becomes JSON.
    Modify,
    /// The tables are dropped and made anew.
    Recreate,
}

/// Looks at what the operator granted and tells in the log what it found.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    /// A secret's name.
    pub secret: Option<String>,
    /// An environment variable's name.
    pub environment: Option<String>,
    /// Writes a file of this name into every directory of `grants.directories`.
    pub file: Option<String>,
    /// Lines to write to the log at once.
    pub log_lines: u64,
    /// Memory to hold, in MiB.
    pub memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tables: 2,
            keys: 50,
            past: 100,
            changes: 1000,
            faults: Vec::new(),
            reshape: None,
            probe: Probe::default(),
            told: None,
        }
    }
}

//! What came of the last comparison of a schema's rows. Words and counts, never values of rows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tables of a schema of which something is said (I7).
pub const REMARKS_MAX: usize = 100;

/// The verdict of tables whose rows are not the source's.
pub const DRIFT: &str = "drift";

/// The last comparison of a schema's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastProof {
    /// When it ended, as in RFC 3339.
    pub at: String,
    /// How long it took.
    pub seconds: u64,
    /// Rows that the source told.
    pub rows: u64,
    /// How many tables had which verdict: `equal`, `drift`, `undecided` or `not_compared`.
    pub tables: BTreeMap<String, u64>,
    /// Tables that are not equal, those that drifted first; at most 100.
    pub remarks: BTreeMap<String, TableProof>,
    /// Why the attempt after it failed, or why there was none to an end yet; the rest is as of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A table that is not known to be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableProof {
    /// `drift`, `undecided` or `not_compared`.
    pub verdict: String,
    /// Rows that are missing, too many or different though the source's stood still.
    pub drifted: u64,
    /// What was found, or why nothing could be.
    pub message: String,
    /// What helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl LastProof {
    /// How many tables have rows that are not the source's.
    pub fn tables_drifted(&self) -> u64 {
        self.tables.get(DRIFT).copied().unwrap_or_default()
    }

    /// Those of which something is said, with how many rows.
    pub fn drifted(&self) -> impl Iterator<Item = (&String, &TableProof)> {
        self.remarks.iter().filter(|(_, table)| table.drifted > 0)
    }

    /// So many rows of a table were written again; how many are left.
    pub(super) fn repaired(&mut self, table: &str, rows: u64) -> u64 {
        let Some(found) = self.remarks.get_mut(table) else { return 0 };
        found.drifted = found.drifted.saturating_sub(rows);
        let left = found.drifted;
        if left == 0 && found.verdict == DRIFT {
            self.forget(table);
        }
        left
    }

    /// A table is copied anew, or gone: what was found of it says nothing any more.
    pub(super) fn forget(&mut self, table: &str) {
        let Some(gone) = self.remarks.remove(table) else { return };
        if let Some(count) = self.tables.get_mut(&gone.verdict) {
            *count = count.saturating_sub(1);
        }
        self.tables.retain(|_, count| *count > 0);
    }
}

//! What became of a table by an order: of a run's answer, and of a command that did it itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::runner::{Dropped, Ordered, Subject, Waits};

/// What became of a table, or of a change of its shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TableDone {
    /// It is in another state, or in the one it was in.
    State {
        table: String,
        /// Its states before and after, as in the status.
        was: String,
        is: String,
    },
    /// A change of its shape that waited is decided.
    Decided {
        table: String,
        change: Subject,
        /// `approved` or `rejected`.
        decision: String,
    },
    /// It is forgotten.
    Dropped {
        table: String,
        /// Whether it was removed at the destination.
        removed: bool,
        /// Why it was not, where that was wanted.
        why_not: Option<String>,
    },
}

impl TableDone {
    pub fn ordered(ordered: Ordered) -> Self {
        let Ordered { table, was, is } = ordered;
        Self::State { table, was: was.to_owned(), is: is.state.to_owned() }
    }

    pub fn dropped(dropped: Dropped, keep_rows: bool) -> Self {
        let Dropped { table, stays } = dropped;
        Self::Dropped { table, removed: !keep_rows && stays.is_none(), why_not: stays }
    }

    pub fn decided(waits: Waits, approved: bool) -> Vec<Self> {
        let decision = if approved { "approved" } else { "rejected" };
        let each = waits.into_iter().flat_map(|(table, changes)| {
            changes.into_iter().map(move |change| (table.clone(), change.about))
        });
        each.map(|(table, change)| Self::Decided { table, change, decision: decision.to_owned() })
            .collect()
    }
}

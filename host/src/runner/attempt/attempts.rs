//! What attempts leave to each other.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::{beginning::Beginning, interruptions::Interruptions};
use crate::{
    config::Resync,
    runner::{
        commit::Failed,
        context::SchemaContext,
        error::RunError,
        parking::{Parking, reason},
        state::Reason,
    },
};

/// What earlier attempts of this process leave to the next one.
#[derive(Debug, Default)]
pub struct Attempts {
    /// The last other run that held the schema and did not give it back.
    pub abandoned: Option<String>,
    /// What is to be copied anew, as long as that is not committed.
    pub resync: Resync,
    /// Cancelled once the attempt in flight may be ended for what waits: not before it has committed that.
    pub begun: CancellationToken,
    /// Cancelled when the whole run is to end.
    pub run_ends: CancellationToken,
    /// How often in a row attempts were ended for what waits.
    pub interruptions: Interruptions,
    /// The re-sync is for a lost position, not because a person wants it: the shapes that were
    /// remembered are kept, so that columns stay as wide as they became.
    pub position_lost: bool,
    /// Commits of the attempt that ended last.
    pub commits: u64,
    /// Whether some of them were of the change stream.
    pub streamed: bool,
    /// The last failure that is not in the journal yet.
    pub unrecorded: Option<Failed>,
    /// The start of the stream that this process made, as long as it may not be committed.
    pub beginning: Beginning,
    /// Tables that are to be parked, as long as that is not committed.
    pub failing: BTreeMap<String, Reason>,
    /// Tables that the last attempt followed.
    pub followed: BTreeSet<String>,
    /// Tables that it passed over because they were parked or paused.
    pub aside: BTreeSet<String>,
    /// Those of them that the source did not have then.
    pub gone: BTreeSet<String>,
}

impl Attempts {
    /// Whether the schema rests between two attempts: not while what is to be copied anew is known to this
    /// process alone, since a copy that was ordered then would be that one.
    pub fn may_rest(&self) -> bool {
        self.resync == Resync::None
    }

    /// Whether a person wants the table copied anew, parked or not.
    pub fn wants(&self, table: &str) -> bool {
        !self.position_lost && self.resync.includes(table)
    }

    /// What happens to tables that fail.
    pub fn parking(&self, context: &SchemaContext) -> Parking {
        context.parking(self.resync.named())
    }

    /// Has the next attempt park the tables that failed, if they are the reason for the error. Where no
    /// other would be left the schema stops instead: then nothing has to be copied again.
    pub fn park(&mut self, context: &SchemaContext, error: &RunError) -> bool {
        let tables = self.parking(context).tables_of(error);
        let is_known =
            |table: &String| self.aside.contains(table) || self.failing.contains_key(table);
        let is_left = |table: &String| !tables.contains(table) && !self.failing.contains_key(table);
        let aside_max = context.schema.limits.tables_max.get() as usize;
        let is_within = self.aside.len() + self.failing.len() + tables.len() <= aside_max;
        // A source that fails for a table that it was not told to read would do so for ever.
        if tables.iter().all(is_known) || !self.followed.iter().any(is_left) || !is_within {
            return false;
        }
        let why = reason(error);
        self.failing.extend(tables.into_iter().map(|table| (table, why.clone())));
        true
    }
}

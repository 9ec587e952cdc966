//! What attempts leave to each other.

use crate::{config::Resync, runner::commit::Failed};

/// What earlier attempts of this process leave to the next one.
#[derive(Debug, Default)]
pub struct Attempts {
    /// This process has claimed the schema before.
    pub claimed: bool,
    /// What is to be copied anew, as long as that is not committed.
    pub resync: Resync,
    /// The re-sync is for a lost position, not because a person wants it: the shapes that were
    /// remembered are kept, so that columns stay as wide as they became.
    pub position_lost: bool,
    /// Commits of the attempt that ended last.
    pub commits: u64,
    /// Whether some of them were of the change stream.
    pub streamed: bool,
    /// The last failure that is not in the journal yet.
    pub unrecorded: Option<Failed>,
}

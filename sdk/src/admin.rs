//! What a source's system keeps for a pipeline.

/// The log that a pipeline still needs, or that is kept for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetainedLog {
    /// Bytes of log that the system keeps because of this pipeline, and would let go without it.
    pub bytes: Option<u64>,
    /// About when the oldest of it was committed, in microseconds since 1970 UTC.
    pub oldest_commit_us: Option<i64>,
    /// How many further bytes of log may be written before the system gives the position up by itself; none
    /// where it does not, or does not say.
    pub left_bytes: Option<u64>,
    /// The same as a time in microseconds, at the pace of now.
    pub left_us: Option<u64>,
    /// The above and the position, in one sentence for a person.
    pub words: String,
}

/// What was removed, each in a few words: kind and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// What is removed, or would be.
    pub dropped: Vec<String>,
    /// What the pipeline uses and is not its own, with the reason.
    pub kept: Vec<String>,
    /// Whether no log is kept for the pipeline from then on.
    pub frees_log: bool,
}

//! How a run of a schema ends without an error.

/// How a schema's run ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Somebody asked it to stop; everything committed stays, nothing else was kept.
    Stopped,
    /// The source had no more.
    CaughtUp,
}

//! The mistakes of a source: each is what a check of the conformance kit is for.

use schemars::JsonSchema;
use serde::Deserialize;

/// One mistake each, of those that a source can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// The table has no key.
    HidesKey,
    /// A cursor is one row too far.
    LosesRows,
    /// Chunks have other names in each instance.
    RenamesChunks,
    /// A cursor of another instance is the end.
    ForgetsCursors,
    /// Each chunk is the whole table.
    OverlapsChunks,
    /// Rows are read as they are now.
    ReadsNow,
    /// The stream begins where the copy was planned.
    MissesOverlap,
    /// Deletes are not told.
    DropsDeletes,
    /// An instance that goes on at some positions leaves a change out.
    SkipsSome,
    /// Nothing is told until what was told is confirmed.
    WaitsForConfirm,
    /// What stands at the confirmed position is gone for the next instance.
    ForgetsTooMuch,
    /// An answer without changes takes longer than it may.
    Dawdles,
    /// What is no position is the beginning.
    TakesAnyPosition,
    /// Every answer is said to end with a transaction.
    SplitsTransactions,
    /// A table keeps the columns that it had.
    KeepsColumns,
    /// A connection that was cut is said to be the end.
    StopsWhenCut,
    /// The secret `token` is in lines that nobody reads by default.
    LogsSecrets,
    /// The secret `token` is in failures.
    FailsWithSecrets,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToldOptions {
    /// A mistake to make all the time.
    pub mutant: Option<Mutant>,
}

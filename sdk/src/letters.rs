//! Dead letters that can be read back and settled.

use crate::{DeadLetter, Failure};

/// The code of a failure that says that letters cannot be read back here.
pub const NO_LETTERS: &str = "no-letters";

/// A dead letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLetter {
    /// Above 0, unique in the destination, and larger than those of letters that were kept before.
    pub id: u64,
    /// The letter.
    pub letter: DeadLetter,
    /// How often it came.
    pub count: u64,
    /// `pending`, `processing`, `resolved` or `discarded`; the first two are open.
    pub status: String,
    /// How it was settled.
    pub resolution: Option<String>,
    /// When it came first, in microseconds since 1970 UTC.
    pub first_seen_us: i64,
    /// When it came last.
    pub last_seen_us: i64,
}

/// Which letters are meant: those that match all that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Empty: all.
    pub ids: Vec<u64>,
    /// The table's name at the source.
    pub table: Option<String>,
    /// The word for what is wrong.
    pub code: Option<String>,
    /// A status, or `open`.
    pub status: Option<String>,
    /// Those that came since then, in microseconds since 1970 UTC.
    pub since_us: Option<i64>,
}

/// Some letters, in the order of their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterPage {
    /// The letters.
    pub letters: Vec<KeptLetter>,
    /// There are more behind them.
    pub more: bool,
}

/// How letters are settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Which; those that are not open stay as they are.
    pub ids: Vec<u64>,
    /// `resolved` or `discarded`.
    pub status: String,
    /// Who, when and why.
    pub resolution: String,
}

impl Settlement {
    /// The status of letters whose rows came otherwise.
    pub const RESOLVED: &str = "resolved";
}

/// The answer of a destination whose dead letters cannot be read back.
pub(crate) fn unreadable() -> Failure {
    Failure::config(
        NO_LETTERS,
        "this destination keeps no dead letters that can be read back; look at where it keeps them",
    )
}

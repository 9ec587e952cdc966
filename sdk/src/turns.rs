//! Turns of copying and following.

use crate::Failure;

/// The code of a failure that says that a source takes no turns.
pub const NO_TURNS: &str = "no-turns";

/// The answer of a source that takes none.
pub(crate) fn none() -> Failure {
    Failure::config(NO_TURNS, "this source is not followed while its tables are copied")
}

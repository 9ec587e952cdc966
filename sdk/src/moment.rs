//! Moments of a source's history.

use crate::Failure;

/// The code of a failure that says that a source knows no moments.
pub const NO_MOMENTS: &str = "no-moments";

/// The answer of a source that knows none.
pub(crate) fn unknown() -> Failure {
    Failure::config(NO_MOMENTS, "this source cannot tell whether a position is past a moment")
}

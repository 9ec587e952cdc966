//! Panics that are expected: a crate of others that gives up on hostile bytes.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// What `work` returns, or none when it panicked. The panic is no event for a person: `telemetry`
/// says so on the level of debugging only. Whatever `work` changes must not be used after a panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = EXPECTED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(before);
    done.ok()
}

/// Whether a panic on this thread will be caught.
pub fn is_expected() -> bool {
    EXPECTED.get()
}

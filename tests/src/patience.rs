//! Waiting for what comes about by itself.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Far longer than anything takes, also on a machine that does other work.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until this holds; fails with these words when it never does.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(20));
    }
}

//! A connector's own counters and gauges, bounded in number and name (I7).

use std::collections::BTreeSet;

use super::log::{GuestLog, Level};
use crate::plugin::{
    identity::Identity,
    limits::{METRIC_NAMES_MAX, WORD_BYTES_MAX},
    text,
};

pub(in crate::plugin) struct OwnMetrics {
    identity: Identity,
    log: GuestLog,
    counters: BTreeSet<String>,
    gauges: BTreeSet<String>,
    complained: bool,
}

impl OwnMetrics {
    pub(in crate::plugin) fn new(identity: Identity, log: GuestLog) -> Self {
        Self {
            identity,
            log,
            counters: BTreeSet::new(),
            gauges: BTreeSet::new(),
            complained: false,
        }
    }

    pub(in crate::plugin) fn counter_add(&mut self, name: &str, value: u64) {
        if admit(&mut self.counters, name) {
            self.identity.observer.counter_add(self.identity.origin(), name, value);
        } else {
            self.complain(name);
        }
    }

    pub(in crate::plugin) fn gauge_set(&mut self, name: &str, value: f64) {
        if admit(&mut self.gauges, name) {
            self.identity.observer.gauge_set(self.identity.origin(), name, value);
        } else {
            self.complain(name);
        }
    }

    /// Once per instance: a metric that is dropped is dropped each time.
    fn complain(&mut self, name: &str) {
        if std::mem::replace(&mut self.complained, true) {
            return;
        }
        let name = text::one_line(name, WORD_BYTES_MAX);
        let line = format!("dropped metric `{name}`: not a metric name, or one too many");
        self.log.host_line("dropped metrics", Level::Warn, &line);
    }
}

/// True when the name is one of the first [`METRIC_NAMES_MAX`] and looks like a metric's.
fn admit(names: &mut BTreeSet<String>, name: &str) -> bool {
    if names.contains(name) {
        return true;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let valid = !name.is_empty() && name.len() <= WORD_BYTES_MAX && name.chars().all(plain);
    valid && names.len() < METRIC_NAMES_MAX && names.insert(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_in_number_and_shape() {
        let mut names = BTreeSet::new();
        for bad in ["", "with space", "line\nbreak", &"x".repeat(65), "ümlaut"] {
            assert!(!admit(&mut names, bad), "{bad:?}");
        }
        for n in 0..METRIC_NAMES_MAX {
            assert!(admit(&mut names, &format!("rows_{n}")));
        }
        assert!(admit(&mut names, "rows_0"), "known names go on");
        assert!(!admit(&mut names, "one_more"));
    }
}

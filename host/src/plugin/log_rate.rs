//! The rate of everything that a plugin makes the host log (I7).
//!
//! All instances of a plugin in the process share one bucket: their own lines, what their network
//! refuses, and the host's lines about their answers (dead letters, refused rows, new shapes,
//! restarts). What is beyond it is counted by kind, and the counts are told at most once a second
//! and at the end.
//!
//! A part of the bucket is kept for the host's lines, so that a plugin that floods its log can't
//! hide what it was refused. Errors that end a schema never ask here: there is one for each run.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use super::{Observer, Origin, Role};

/// One of so many lines is kept for the host.
const HOST_SHARE: u32 = 10;
/// At most one summary in this time.
const SUMMARY_INTERVAL: Duration = Duration::from_secs(1);

/// The bucket of one plugin. Clones share it.
#[derive(Clone)]
pub struct LogRate {
    inner: Arc<Inner>,
}

/// The buckets of a process's plugins.
#[derive(Default)]
pub(super) struct LogRates {
    plugins: Mutex<HashMap<(Role, String), Weak<Inner>>>,
}

struct Inner {
    plugin: String,
    role: Role,
    observer: Arc<dyn Observer>,
    bucket: Mutex<Bucket>,
}

impl LogRates {
    /// The bucket of a plugin; the rate holds from now on.
    pub(super) fn of(
        &self,
        role: Role,
        plugin: &str,
        lines_per_second: u32,
        observer: &Arc<dyn Observer>,
    ) -> LogRate {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (role, plugin.to_owned());
        if let Some(inner) = plugins.get(&key).and_then(Weak::upgrade) {
            inner.bucket().per_second = lines_per_second;
            return LogRate { inner };
        }
        plugins.retain(|_, inner| inner.strong_count() > 0);
        let inner = Arc::new(Inner {
            plugin: plugin.to_owned(),
            role,
            observer: Arc::clone(observer),
            bucket: Mutex::new(Bucket::new(lines_per_second, Instant::now())),
        });
        plugins.insert(key, Arc::downgrade(&inner));
        LogRate { inner }
    }

    /// Tells at once of what was counted so far: at the end of a process there is no next line.
    pub(super) fn tell(&self) {
        let plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let plugins: Vec<_> = plugins.values().filter_map(Weak::upgrade).collect();
        for plugin in plugins {
            let summary = std::mem::take(&mut plugin.bucket().suppressed);
            plugin.tell(summary);
        }
    }
}

impl LogRate {
    /// Whether the host may write a line about what the plugin did. `kind` names it in the summary
    /// of those that it may not.
    #[must_use]
    pub fn admits(&self, kind: &'static str) -> bool {
        self.ask(kind, false)
    }

    /// Whether a line of the plugin itself may be written.
    pub(super) fn admits_guest(&self) -> bool {
        self.ask("its own lines", true)
    }

    fn ask(&self, kind: &'static str, is_guest: bool) -> bool {
        let (admitted, summary) = self.inner.bucket().admit(kind, is_guest, Instant::now());
        self.inner.tell(summary);
        admitted
    }
}

impl Inner {
    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        // Numbers are valid in any state.
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, summary: Counts) {
        if summary.is_empty() {
            return;
        }
        let suppressed: u64 = summary.values().sum();
        let kinds: Vec<String> =
            summary.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        let (plugin, role, kinds) = (self.plugin.as_str(), self.role.word(), kinds.join(", "));
        tracing::warn!(target: "plugin", plugin, role, suppressed, kinds, "log lines above the rate");
        let origin = Origin { plugin, role: self.role, label: "" };
        self.observer.log_suppressed(origin, suppressed);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let summary = std::mem::take(&mut self.bucket().suppressed);
        self.tell(summary);
    }
}

type Counts = BTreeMap<&'static str, u64>;

/// A token bucket that holds one second's worth.
struct Bucket {
    per_second: u32,
    tokens: f64,
    filled: Instant,
    suppressed: Counts,
    counting_since: Instant,
}

impl Bucket {
    fn new(per_second: u32, now: Instant) -> Self {
        let tokens = f64::from(per_second);
        Self { per_second, tokens, filled: now, suppressed: Counts::new(), counting_since: now }
    }

    /// Whether the line may be written, and what is to be told of those before that might not.
    fn admit(&mut self, kind: &'static str, is_guest: bool, now: Instant) -> (bool, Counts) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        let per_second = f64::from(self.per_second);
        self.tokens = passed.mul_add(per_second, self.tokens).min(per_second);
        self.filled = now;
        let kept = if is_guest { f64::from(self.per_second / HOST_SHARE) } else { 0.0 };
        let admitted = self.tokens >= 1.0 + kept;
        if admitted {
            self.tokens -= 1.0;
        } else {
            if self.suppressed.is_empty() {
                self.counting_since = now;
            }
            *self.suppressed.entry(kind).or_default() += 1;
        }
        if now.saturating_duration_since(self.counting_since) < SUMMARY_INTERVAL {
            return (admitted, Counts::new());
        }
        (admitted, std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::observer::Unwatched;

    const GUEST: &str = "its own lines";

    #[test]
    fn lines_above_the_rate_are_counted_by_kind_and_told_once_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        let mut summaries = Vec::new();
        let mut admitted = 0;
        for ms in 0..3_500 {
            let now = start + Duration::from_millis(ms);
            let (yes, summary) = bucket.admit(GUEST, true, now);
            admitted += u32::from(yes);
            summaries.extend((!summary.is_empty()).then_some(summary));
            if ms == 10 {
                assert!(bucket.admit("dead letters", false, now).0, "one is kept for the host");
                assert!(!bucket.admit("dead letters", false, now).0);
            }
        }
        assert!((40..=44).contains(&admitted), "{admitted}");
        assert_eq!(summaries.len(), 3);
        assert_eq!(summaries[0]["dead letters"], 1);
        assert!(summaries[0][GUEST] > 900);
    }

    #[test]
    fn a_rate_of_zero_prints_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::new(0, start);
        assert!(!bucket.admit(GUEST, true, start + Duration::from_secs(60)).0);
    }

    #[test]
    fn instances_share_their_plugins_rate_as_long_as_one_lives() {
        let rates = LogRates::default();
        let observer: Arc<dyn Observer> = Arc::new(Unwatched);
        let of = |role, plugin| rates.of(role, plugin, 4, &observer);
        let (one, other) = (of(Role::Source, "a"), of(Role::Source, "a"));
        assert_eq!((0..10).filter(|_| one.admits("x")).count(), 4);
        assert!(!other.admits("x"), "another instance of the same plugin");
        assert!(of(Role::Destination, "a").admits("x"), "another plugin");
        assert!(of(Role::Source, "b").admits("x"));
        drop(one);
        assert!(!of(Role::Source, "a").admits("x"));
    }
}

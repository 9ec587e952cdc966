//! A guest's log: cut, escaped and rate-limited, then a `tracing` event with the connector's name.
//!
//! The `log` import and the guest's stdout and stderr share one bucket. Lines above the rate are
//! counted, and the count is reported with the next line that gets through.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use crate::plugin::{
    bindings::source::cartridge::warp::log::{Host, Level as GuestLevel},
    limits::{LAST_LINE_BYTES_MAX, LAST_LINES_MAX, LOG_FIELDS_MAX, LOG_LINE_BYTES_MAX},
    state::{Identity, State},
    text,
};

pub(in crate::plugin) type Level = GuestLevel;

/// Lines of stderr that the error of a trap repeats.
const LAST_WORDS_LINES_MAX: usize = 3;
const LAST_WORDS_LINE_BYTES_MAX: usize = 512;

/// Where a guest's lines go. Clones share one rate.
#[derive(Clone)]
pub(in crate::plugin) struct GuestLog {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    rate: Mutex<Bucket>,
    /// The newest lines of stderr: a guest's panic message, for the error of the trap that follows.
    last_words: Mutex<VecDeque<String>>,
    /// The newest lines of the `log` import, printed or not.
    last_lines: Mutex<VecDeque<String>>,
}

impl GuestLog {
    pub(in crate::plugin) fn new(identity: Identity, lines_per_second: u32) -> Self {
        let rate = Mutex::new(Bucket::new(lines_per_second, Instant::now()));
        let (last_words, last_lines) = Default::default();
        Self { inner: Arc::new(Inner { identity, rate, last_words, last_lines }) }
    }

    /// Prints a line, or counts it.
    pub(in crate::plugin) fn line(&self, level: Level, message: &str, fields: &str) {
        let admitted = {
            let mut rate = self.inner.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.admit(Instant::now())
        };
        let Some(suppressed) = admitted else { return };
        self.inner.report(suppressed);
        let message = text::one_line(message, LOG_LINE_BYTES_MAX);
        let plugin = &*self.inner.identity.plugin;
        let label = &*self.inner.identity.label;
        match level {
            Level::Trace => tracing::trace!(target: "plugin", plugin, label, fields, "{message}"),
            Level::Debug => tracing::debug!(target: "plugin", plugin, label, fields, "{message}"),
            Level::Info => tracing::info!(target: "plugin", plugin, label, fields, "{message}"),
            Level::Warn => tracing::warn!(target: "plugin", plugin, label, fields, "{message}"),
            Level::Error => tracing::error!(target: "plugin", plugin, label, fields, "{message}"),
        }
    }

    pub(in crate::plugin) fn remember_last_words(&self, line: &str) {
        // Every Rust panic ends with this hint, which helps nobody here.
        if line.starts_with("note: run with `RUST_BACKTRACE") {
            return;
        }
        let mut words = self.inner.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == LAST_WORDS_LINES_MAX {
            words.pop_front();
        }
        words.push_back(text::one_line(line, LAST_WORDS_LINE_BYTES_MAX));
    }

    fn remember_line(&self, line: &str) {
        let mut lines = self.inner.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LAST_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(text::one_line(line, LAST_LINE_BYTES_MAX));
    }

    /// What it logged last, for the error of a call that was ended.
    pub(in crate::plugin) fn last_lines(&self) -> String {
        let lines = self.inner.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
        if lines.is_empty() { String::new() } else { format!("it logged {}", lines.join(", ")) }
    }

    pub(in crate::plugin) fn take_last_words(&self) -> Option<String> {
        let mut words = self.inner.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = words.drain(..).collect();
        (!lines.is_empty()).then(|| lines.join(" "))
    }
}

impl Inner {
    fn report(&self, suppressed: u64) {
        if suppressed == 0 {
            return;
        }
        let plugin = &*self.identity.plugin;
        let label = &*self.identity.label;
        tracing::warn!(target: "plugin", plugin, label, suppressed, "log lines above the rate");
        self.identity.observer.log_suppressed(self.identity.origin(), suppressed);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let suppressed = self.rate.get_mut().unwrap_or_else(PoisonError::into_inner).suppressed;
        self.report(suppressed);
    }
}

/// A token bucket that holds one second's worth.
struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
    suppressed: u64,
}

impl Bucket {
    fn new(lines_per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(lines_per_second);
        Self { per_second, tokens: per_second, filled: now, suppressed: 0 }
    }

    /// The lines suppressed before this one, or none when this one is suppressed too.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.per_second);
        self.filled = now;
        if self.tokens < 1.0 {
            self.suppressed += 1;
            return None;
        }
        self.tokens -= 1.0;
        Some(std::mem::take(&mut self.suppressed))
    }
}

impl Host for State {
    fn log(&mut self, level: GuestLevel, message: String, fields: Vec<(String, String)>) {
        let mut line = String::new();
        for (key, value) in fields.iter().take(LOG_FIELDS_MAX) {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&text::one_line(key, 64));
            line.push('=');
            line.push_str(&text::one_line(value, LOG_LINE_BYTES_MAX / 8));
            if line.len() > LOG_LINE_BYTES_MAX {
                break;
            }
        }
        let line = text::one_line(&line, LOG_LINE_BYTES_MAX);
        self.log.remember_line(&message);
        self.log.line(level, &message, &line);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_above_the_rate_are_counted_and_reported_with_the_next_one() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        let admitted = (0..1_000).filter(|_| bucket.admit(start).is_some()).count();
        assert_eq!(admitted, 10);
        assert_eq!(bucket.admit(start + Duration::from_millis(100)), Some(990));
        assert_eq!(bucket.admit(start + Duration::from_millis(100)), None);
        assert_eq!(bucket.admit(start + Duration::from_secs(60)), Some(1));
    }

    #[test]
    fn a_rate_of_zero_prints_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::new(0, start);
        assert_eq!(bucket.admit(start + Duration::from_secs(60)), None);
    }
}

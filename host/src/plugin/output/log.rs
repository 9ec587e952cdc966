//! A guest's log: rate-limited, without secrets, escaped and cut, then a `tracing` event with the
//! connector's name.
//!
//! The `log` import and the guest's stdout and stderr share the rate of the plugin, see
//! [`LogRate`].

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

pub(in crate::plugin) use crate::plugin::bindings::source::cartridge::warp::log::Level;
use crate::plugin::{
    LogRate,
    identity::Identity,
    limits::{
        LAST_LINE_BYTES_MAX, LAST_LINES_MAX, LOG_FIELDS_MAX, LOG_HEAD_BYTES_MAX,
        LOG_LINE_BYTES_MAX, NAME_BYTES_MAX,
    },
    text,
};

/// Lines of stderr that the error of a trap repeats.
const LAST_WORDS_LINES_MAX: usize = 3;
const LAST_WORDS_LINE_BYTES_MAX: usize = 512;

/// What a line's message and fields may take together.
const WORDS_BYTES_MAX: usize = LOG_LINE_BYTES_MAX - LOG_HEAD_BYTES_MAX;
/// A field's share of it.
const FIELD_BYTES_MAX: usize = WORDS_BYTES_MAX / 8;
const FIELD_NAME_BYTES_MAX: usize = 64;

/// Where a guest's lines go. Clones share the last words.
#[derive(Clone)]
pub(in crate::plugin) struct GuestLog {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    rate: LogRate,
    /// The newest lines of stderr: a guest's panic message, for the error of the trap that follows.
    last_words: Mutex<VecDeque<String>>,
    /// The newest lines of the `log` import, printed or not.
    last_lines: Mutex<VecDeque<String>>,
}

impl GuestLog {
    pub(in crate::plugin) fn new(identity: Identity, rate: LogRate) -> Self {
        let (last_words, last_lines) = Default::default();
        Self { inner: Arc::new(Inner { identity, rate, last_words, last_lines }) }
    }

    /// Prints a line of the guest, or counts it.
    pub(in crate::plugin) fn line(&self, level: Level, message: &str, fields: &[(String, String)]) {
        // What nobody would see costs nothing.
        if is_enabled(level) && self.inner.rate.admits_guest() {
            self.write(level, message, &in_one(fields));
        }
    }

    /// Tells the observer what the guest says, whether anybody reads it or not.
    pub(in crate::plugin) fn said(&self, words: &str) {
        let identity = &self.inner.identity;
        identity.observer.said(identity.origin(), words);
    }

    /// Prints a line of the host about the guest, or counts it as one of `kind`.
    pub(in crate::plugin) fn host_line(&self, kind: &'static str, level: Level, message: &str) {
        if is_enabled(level) && self.inner.rate.admits(kind) {
            self.write(level, message, "");
        }
    }

    fn write(&self, level: Level, message: &str, fields: &str) {
        // Fields take half of it at most, see `in_one`.
        let room = if fields.is_empty() { WORDS_BYTES_MAX } else { WORDS_BYTES_MAX / 2 };
        let message = text::one_line(message, room);
        let plugin = &*self.inner.identity.plugin;
        let label = text::prefix(&self.inner.identity.label, NAME_BYTES_MAX);
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
        // Cut and cleaned when they are told: most never are, and half a secret would not be known.
        words.push_back(line.to_owned());
    }

    pub(in crate::plugin) fn remember_line(&self, line: &str) {
        let mut lines = self.inner.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LAST_LINES_MAX {
            lines.pop_front();
        }
        // Cleaned when it is told, as last words are; what is kept holds more than is shown, so that
        // no secret that is cut comes among it.
        lines.push_back(text::prefix(line, 16 * LAST_LINE_BYTES_MAX).to_owned());
    }

    /// What it logged last, for the error of a call that was ended.
    pub(in crate::plugin) fn last_lines(&self) -> String {
        let lines = self.inner.last_lines.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |line: &String| format!("`{}`", text::one_line(line, LAST_LINE_BYTES_MAX));
        let lines: Vec<String> = lines.iter().map(shown).collect();
        if lines.is_empty() { String::new() } else { format!("it logged {}", lines.join(", ")) }
    }

    pub(in crate::plugin) fn take_last_words(&self) -> Option<String> {
        let mut words = self.inner.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = words.drain(..).map(|line| text::one_line(&line, LAST_WORDS_LINE_BYTES_MAX));
        let lines: Vec<String> = lines.collect();
        (!lines.is_empty()).then(|| lines.join(" "))
    }
}

/// Whether anybody reads lines of this level.
fn is_enabled(level: Level) -> bool {
    match level {
        Level::Trace => tracing::enabled!(target: "plugin", tracing::Level::TRACE),
        Level::Debug => tracing::enabled!(target: "plugin", tracing::Level::DEBUG),
        Level::Info => tracing::enabled!(target: "plugin", tracing::Level::INFO),
        Level::Warn => tracing::enabled!(target: "plugin", tracing::Level::WARN),
        Level::Error => tracing::enabled!(target: "plugin", tracing::Level::ERROR),
    }
}

/// The fields as `key=value`, in at most half of what a line may take.
fn in_one(fields: &[(String, String)]) -> String {
    let mut line = String::new();
    for (key, value) in fields.iter().take(LOG_FIELDS_MAX) {
        let key = text::one_line(key, FIELD_NAME_BYTES_MAX);
        let value = text::one_line(value, FIELD_BYTES_MAX);
        let space = if line.is_empty() { "" } else { " " };
        let more = format!("{space}{key}={value}");
        if text::fitting(&format!("{line}{more}"), WORDS_BYTES_MAX / 2).len()
            < line.len() + more.len()
        {
            break;
        }
        line.push_str(&more);
    }
    line
}

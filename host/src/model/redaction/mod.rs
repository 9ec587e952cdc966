//! Takes secrets that are known out of words that leave the host.
//!
//! What: a register of this process, filled by whoever reads a secret ([`learn`],
//! [`learn_connection_string`]), and [`redact`], which replaces every secret that stands in a text
//! by [`HIDDEN`]: as it is, percent-encoded, escaped as in JSON or Rust, in base64, in hex and as a
//! list of numbers. What not: rows. A dead letter's payload is data and goes where the data goes.
//!
//! It helps against accidents: an error that repeats the connection string, a header that is
//! printed. A connector that means to give a secret away has other ways to write it, so it gets no
//! more secrets than it needs.
//!
//! Values below [`VALUE_BYTES_MIN`] are not learnt: every text would be full of holes.

mod connection;
mod forms;
mod matcher;
mod views;

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

pub use connection::{SECRET_NAMES, is_secret_name};
use matcher::Matcher;

/// What stands in place of a secret.
pub const HIDDEN: &str = "***";
/// Shorter values are no secrets that could be kept: they are parts of ordinary words.
pub const VALUE_BYTES_MIN: usize = 6;
/// Lines of a longer secret, such as a key in PEM, are secrets too from this length on: they are
/// printed one by one.
const LINE_BYTES_MIN: usize = 16;
/// Of a longer value its beginning is learnt.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Where secrets are renewed, old ones stay known until these are reached (I7); those that were not
/// learnt again for longest are forgotten first.
const VALUES_MAX: usize = 512;
const VALUES_BYTES_MAX: usize = 256 * 1024;

static KNOWN: LazyLock<RwLock<Secrets>> = LazyLock::new(RwLock::default);

/// This value stands in no text from now on. Learning it again keeps it from being forgotten.
pub fn learn(value: &str) {
    let value = value.trim();
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES_MIN);
    let lines: Vec<&str> = lines.filter(|line| line.len() < value.len()).collect();
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn(lines.into_iter().chain([value]));
}

/// Learns the passwords and tokens of a connection string, and the whole of it if it has any.
pub fn learn_connection_string(text: &str) {
    let secrets = connection::secrets(text);
    if !secrets.is_empty() {
        learn(text);
    }
    secrets.iter().for_each(|secret| learn(secret));
}

/// Learns the secrets among settings of free form, such as a connector's options: the connection
/// strings in them, and what is called by a secret's name.
pub fn learn_settings(settings: &serde_json::Value) {
    connection::in_settings(settings, false, &mut learn_connection_string, &mut learn);
}

/// The text without known secrets.
///
/// ```
/// use cartridge_warp::model::redaction;
/// redaction::learn("correct horse");
/// assert_eq!(redaction::redact("login as me:correct%20horse failed"), "login as me:*** failed");
/// ```
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    match matcher() {
        Some(matcher) => matcher.redact(text, false),
        None => Cow::Borrowed(text),
    }
}

/// The beginning of a text, of at most `bytes_max` bytes before secrets are replaced. One that the
/// cut goes through is replaced too, unless less than [`VALUE_BYTES_MIN`] bytes of it are left.
#[must_use]
pub fn redact_prefix(text: &str, bytes_max: usize) -> Cow<'_, str> {
    let prefix = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text);
    match matcher() {
        Some(matcher) => matcher.redact(prefix, prefix.len() < text.len()),
        None => Cow::Borrowed(prefix),
    }
}

fn matcher() -> Option<Arc<Matcher>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).matcher.clone()
}

/// What is known, the newest last.
#[derive(Default)]
struct Secrets {
    values: VecDeque<String>,
    bytes: usize,
    matcher: Option<Arc<Matcher>>,
}

impl Secrets {
    fn learn<'a>(&mut self, values: impl Iterator<Item = &'a str>) {
        let mut news = false;
        for value in values {
            let value = value.get(..value.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or(value);
            if value.len() < VALUE_BYTES_MIN {
                continue;
            }
            match self.values.iter().position(|known| known == value) {
                Some(place) => {
                    let known = self.values.remove(place);
                    self.values.extend(known);
                }
                None => {
                    news = true;
                    self.bytes += value.len();
                    self.values.push_back(value.to_owned());
                }
            }
        }
        while self.values.len() > VALUES_MAX || self.bytes > VALUES_BYTES_MAX {
            let forgotten = self.values.pop_front().map_or(0, |value| value.len());
            self.bytes -= forgotten;
        }
        if news {
            self.matcher = Matcher::new(&self.values).map(Arc::new);
        }
    }
}

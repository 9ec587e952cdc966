//! Listens whether a connector says a secret, anywhere and at any level of its log.

use std::sync::{Mutex, PoisonError};

use crate::{
    model::{redaction::redact, text::one_line},
    plugin::{Observer, Origin},
};

/// How much of what was said is kept, in bytes.
const WORDS_BYTES_MAX: usize = 1024;

/// An observer of the engine that a component runs in.
#[derive(Default)]
pub struct Ear {
    first: Mutex<Option<String>>,
}

impl Ear {
    /// The first words that had a secret in them, without it.
    pub fn heard(&self) -> Option<String> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Ear {
    fn said(&self, _: Origin<'_>, words: &str) {
        if redact(words) != words {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| one_line(words, WORDS_BYTES_MAX));
        }
    }
}

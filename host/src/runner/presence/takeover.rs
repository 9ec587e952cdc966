//! From whom a process may take a schema that was not given back.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// From whom the next claim of one schema may take it, if another run holds it.
#[derive(Debug)]
pub struct Takeover {
    from: Mutex<From>,
    has_claimed: AtomicBool,
}

#[derive(Debug, PartialEq, Eq)]
enum From {
    /// A person started this run after the other one.
    Anybody,
    /// Of this run nothing was heard for long.
    Only(String),
    Nobody,
}

impl Takeover {
    fn new(from: From) -> Self {
        Self { from: Mutex::new(from), has_claimed: AtomicBool::new(false) }
    }

    /// From whoever holds it.
    pub fn from_anybody() -> Self {
        Self::new(From::Anybody)
    }

    /// Until [`Self::allow`] says otherwise, only what nobody holds may be claimed.
    pub fn from_nobody() -> Self {
        Self::new(From::Nobody)
    }

    /// From this run alone, if from any, from now on.
    pub fn allow(&self, silent: Option<String>) {
        *self.lock() = silent.map_or(From::Nobody, From::Only);
    }

    /// This process has the schema: whoever holds it later was started since, or took it over.
    pub fn claimed(&self) {
        *self.lock() = From::Nobody;
        self.has_claimed.store(true, Ordering::Relaxed);
    }

    /// Whether this process has had the schema.
    pub fn has_claimed(&self) -> bool {
        self.has_claimed.load(Ordering::Relaxed)
    }

    /// Whether the schema may be taken from a run.
    pub fn allows(&self, run: &str) -> bool {
        match &*self.lock() {
            From::Anybody => true,
            From::Only(silent) => silent == run,
            From::Nobody => false,
        }
    }

    /// Whether whoever holds it loses it.
    pub fn is_from_anybody(&self) -> bool {
        *self.lock() == From::Anybody
    }

    // A write is whole, whoever panics.
    fn lock(&self) -> MutexGuard<'_, From> {
        self.from.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_taken_once_and_only_from_whom_it_may_be() {
        let plain = Takeover::from_anybody();
        assert!(plain.allows("a") && plain.is_from_anybody());
        assert!(!plain.has_claimed());
        plain.claimed();
        assert!(plain.has_claimed() && !plain.allows("a"), "it was started after this one claimed");
        let waiting = Takeover::from_nobody();
        assert!(!waiting.allows("a"));
        waiting.allow(Some("a".to_owned()));
        assert!(waiting.allows("a") && !waiting.allows("b") && !waiting.is_from_anybody());
        waiting.allow(None);
        assert!(!waiting.allows("a"), "it was given back, so another one was as quick");
    }
}

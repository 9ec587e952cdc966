//! How far a connector's files may grow.
//!
//! What counts is growth: a write that lies within a file costs nothing, one that makes it longer
//! costs the difference, and shortening a file gives its bytes back. Each new file or directory costs
//! a block. What is removed is not given back, since it may still be open and take its place on the
//! disk. Looking at a length and changing it are one step, or two writers could hide growth from
//! each other.

use std::{
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{Mutex, MutexGuard};

use crate::plugin::{Exhausted, Role};

/// What a new name takes at least on a disk.
pub(super) const NAME_BYTES: u64 = 4096;

/// What all instances of a connector have written in this process. Clones are one.
#[derive(Clone)]
pub struct Written(Arc<Inner>);

struct Inner {
    key: String,
    max: u64,
    used: AtomicU64,
    turn: Mutex<()>,
}

/// The time in which nobody else looks at lengths.
pub(super) struct Turn<'a> {
    _alone: MutexGuard<'a, ()>,
    inner: &'a Inner,
}

impl Written {
    pub fn new(role: Role, max: u64) -> Self {
        let key = format!("{}.limits.written_bytes", role.word());
        Self(Arc::new(Inner { key, max, used: AtomicU64::new(0), turn: Mutex::new(()) }))
    }

    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn { _alone: self.0.turn.lock().await, inner: &self.0 }
    }

    /// Counts bytes whatever they do to the length of a file.
    pub(super) fn add(&self, bytes: u64) -> Result<(), Exhausted> {
        let add = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.0.max);
        let added = self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.map(drop).map_err(|_| self.0.exhausted())
    }
}

impl Turn<'_> {
    /// Whether this much growth is possible.
    pub(super) fn check(&self, bytes: u64) -> Result<(), Exhausted> {
        let sum = self.inner.used.load(Ordering::Relaxed).saturating_add(bytes);
        if sum > self.inner.max && bytes > 0 { Err(self.inner.exhausted()) } else { Ok(()) }
    }

    /// A file was as long as `before` and is as long as `after`.
    pub(super) fn settle(&self, before: u64, after: u64) {
        let change = |used: u64| {
            let less = before.saturating_sub(after);
            Some(used.saturating_sub(less).saturating_add(after.saturating_sub(before)))
        };
        let _ = self.inner.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

impl Inner {
    fn exhausted(&self) -> Exhausted {
        Exhausted { what: "bytes of granted files", key: self.key.clone(), max: self.max }
    }
}

/// How much longer a file gets by writing `count` bytes at `at`.
pub(super) fn growth(file: &File, at: u64, count: usize) -> io::Result<u64> {
    let end = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    Ok(end.saturating_sub(length(file)?))
}

pub(super) fn length(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn growth_counts_and_shortening_gives_it_back() {
        let written = Written::new(Role::Destination, 100);
        let turn = written.turn().await;
        turn.settle(0, 60);
        assert!(turn.check(40).is_ok());
        let error = turn.check(41).unwrap_err().to_string();
        assert!(error.contains("`destination.limits.written_bytes` (100)"), "{error}");
        turn.settle(60, 10);
        written.add(90).unwrap();
        assert!(turn.check(1).is_err() && turn.check(0).is_ok());
        turn.settle(1_000_000, 0);
        assert!(written.add(100).is_ok(), "never less than nothing");
        assert!(written.add(1).is_err());
    }
}

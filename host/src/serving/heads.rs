//! Connections whose request has not come yet.
//!
//! Whoever sends a head byte by byte holds a place that a probe may need. So when there is no place for
//! a new connection, the one that has been silent for longest is closed for it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// The connections that are waited for, the oldest first. Clones are one.
#[derive(Clone, Default)]
pub(super) struct Heads(Arc<Mutex<VecDeque<CancellationToken>>>);

/// One of them, until its head is there or it ends.
pub(super) struct Head {
    all: Heads,
    /// Cancelled when its place is needed.
    pub given_up: CancellationToken,
}

impl Heads {
    pub(super) fn begin(&self) -> Head {
        let given_up = CancellationToken::new();
        self.lock().push_back(given_up.clone());
        Head { all: self.clone(), given_up }
    }

    /// Closes the oldest, if there is one.
    pub(super) fn give_up_the_oldest(&self) {
        if let Some(oldest) = self.lock().pop_front() {
            oldest.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        // Few are in the list, see `CONNECTIONS_MAX`; two tokens are equal when they are one.
        self.all.lock().retain(|other| *other != self.given_up);
    }
}

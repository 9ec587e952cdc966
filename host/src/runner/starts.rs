//! How many schemas of a process start at a time.
//!
//! Opening connectors, claiming, looking at tables and a small copy are work of seconds that hundreds
//! of schemas would do at once, after each start and after each failure of what they share. So they
//! take turns, in the order of asking. A schema that is under way for longer than [`HELD_MAX`], with a
//! large copy or since it waits for somebody, holds up no other one; one that streams has no turn.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a schema keeps others waiting.
const HELD_MAX: Duration = Duration::from_secs(5);

/// The turns of a process. Clones are one.
#[derive(Clone)]
pub struct Starts {
    free: Arc<Semaphore>,
    held_max: Duration,
}

/// A schema's turn, until it is dropped.
#[must_use]
pub struct Start(#[allow(dead_code, reason = "it ends the turn when it is dropped")] DropGuard);

impl Starts {
    /// So many at a time.
    pub fn new(at_once: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(at_once)), held_max: HELD_MAX }
    }

    /// Waits for a turn.
    pub async fn turn(&self) -> Start {
        // An error would say that the semaphore is closed, which it never is.
        let turn = Arc::clone(&self.free).acquire_owned().await.ok();
        let (over, held_max) = (CancellationToken::new(), self.held_max);
        let start = Start(over.clone().drop_guard());
        tokio::spawn(async move {
            tokio::select! {
                () = over.cancelled() => {}
                () = sleep(held_max) => {}
            }
            drop(turn);
        });
        start
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn so_many_start_at_a_time_and_the_next_when_one_has() {
        let starts = Starts::new(2);
        let (first, _second) = (starts.turn().await, starts.turn().await);
        assert!(timeout(SOON, starts.turn()).await.is_err());
        drop(first);
        let _third = timeout(PATIENCE, starts.turn()).await.unwrap();
        assert!(timeout(SOON, starts.turn()).await.is_err());
    }

    #[tokio::test]
    async fn one_that_takes_long_holds_up_no_other() {
        let starts = Starts { held_max: SOON, ..Starts::new(1) };
        let _endless = starts.turn().await;
        let _next = timeout(PATIENCE, starts.turn()).await.unwrap();
    }
}

//! How long readers read before the stream has its turn.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

/// The end of a turn of copying; none where nothing else waits.
#[derive(Clone, Copy, Debug)]
pub struct Turn(Option<Instant>);

impl Turn {
    pub const ENDLESS: Self = Self(None);

    /// From now on.
    pub fn of(length: Duration) -> Self {
        Self(Some(Instant::now() + length))
    }

    pub fn is_over(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }

    /// Waits for the end.
    pub async fn over(self) {
        match self.0 {
            Some(end) => sleep_until(end).await,
            None => pending().await,
        }
    }
}

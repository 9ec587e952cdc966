//! How long readers read before the stream has its turn.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

/// How long a turn of copying is; endless where nothing else waits.
#[derive(Clone, Copy, Debug)]
pub struct Turn(Option<Duration>);

/// The end of a turn.
#[derive(Clone, Copy, Debug)]
pub struct TurnEnd(Option<Instant>);

impl Turn {
    pub const ENDLESS: Self = Self(None);

    pub fn of(length: Duration) -> Self {
        Self(Some(length))
    }

    /// Begins it, which is for each reader once it is open: however long that takes, it gets on.
    pub fn begin(self) -> TurnEnd {
        TurnEnd(self.0.map(|length| Instant::now() + length))
    }
}

impl TurnEnd {
    pub fn is_past(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }

    /// Waits for it.
    pub async fn past(self) {
        match self.0 {
            Some(end) => sleep_until(end).await,
            None => pending().await,
        }
    }
}

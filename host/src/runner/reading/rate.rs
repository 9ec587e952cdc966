//! How fast rows may be read: of a copy (`limits.rows_per_second`) over all readers of a schema, and of each side that
//! is compared (`verify.rows_per_second`).

use std::{
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

/// Shared by the readers; without a limit nobody waits.
#[derive(Debug)]
pub struct Rate {
    rows_per_second: Option<NonZeroU32>,
    /// When what was read so far is paid for.
    paid_at: Mutex<Instant>,
}

impl Rate {
    pub fn new(rows_per_second: Option<NonZeroU32>, now: Instant) -> Self {
        Self { rows_per_second, paid_at: Mutex::new(now) }
    }

    /// As many rows at once as a second may have, so that a slow copy is an even one.
    pub fn rows_max(&self, rows: u32) -> u32 {
        self.rows_per_second.map_or(rows, |limit| limit.get().min(rows))
    }

    /// Waits until these rows are paid for, or somebody asks to stop.
    pub async fn pay(&self, rows: u64, stop: &CancellationToken) {
        let wait = self.price(rows, Instant::now());
        if !wait.is_zero() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn price(&self, rows: u64, now: Instant) -> Duration {
        let Some(limit) = self.rows_per_second else { return Duration::ZERO };
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let price = rows as f64 / f64::from(limit.get());
        let price = Duration::try_from_secs_f64(price).unwrap_or(Duration::MAX);
        // Time in which nothing was read is not saved up.
        let due = now.max(*paid_at).checked_add(price);
        *paid_at = due.unwrap_or(*paid_at);
        paid_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_a_rate() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let rate = Rate::new(NonZeroU32::new(1000), begun);
        assert_eq!((rate.rows_max(20_000), rate.rows_max(10)), (1000, 10));
        assert_eq!(rate.price(500, at(0)), Duration::from_millis(500));
        // Another reader's rows come behind them.
        assert_eq!(rate.price(1000, at(100)), Duration::from_millis(1400));
        // Whoever was slow meanwhile gets nothing back.
        assert_eq!(rate.price(100, at(9000)), Duration::from_millis(100));
        let free = Rate::new(None, begun);
        assert_eq!((free.rows_max(20_000), free.price(1 << 40, at(0))), (20_000, Duration::ZERO));
    }
}

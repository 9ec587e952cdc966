//! Rows a second over the last minute.
//!
//! One bucket a second in a ring: recording is an addition, and memory does not depend on traffic.

use std::time::Duration;

const WINDOW_SECONDS: u64 = 60;

/// The state behind one `processing_rate` series. Times are counted from the handle's creation.
pub(super) struct Rate {
    buckets: [u64; WINDOW_SECONDS as usize],
    /// The second that was last written to or looked at.
    newest: u64,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { buckets: [0; WINDOW_SECONDS as usize], newest: 0 }
    }

    pub(super) fn add(&mut self, at: Duration, rows: u64) {
        self.forget_before(at.as_secs());
        let bucket = &mut self.buckets[(self.newest % WINDOW_SECONDS) as usize];
        *bucket = bucket.saturating_add(rows);
    }

    /// The mean over the window, or over the handle's life when that is shorter.
    pub(super) fn at(&mut self, at: Duration) -> f64 {
        self.forget_before(at.as_secs());
        let rows: f64 = self.buckets.iter().map(|rows| *rows as f64).sum();
        // The current second has only begun; at least one counts, so that the first rows of a
        // process do not look like a burst.
        let seconds = at.as_secs_f64().clamp(1.0, WINDOW_SECONDS as f64);
        rows / seconds
    }

    /// Empties the buckets of the seconds that passed since the newest one.
    fn forget_before(&mut self, second: u64) {
        let passed = second.saturating_sub(self.newest).min(WINDOW_SECONDS);
        self.newest = self.newest.max(second);
        for back in 0..passed {
            self.buckets[((self.newest - back) % WINDOW_SECONDS) as usize] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_mean_of_the_last_minute() {
        type Recorded = &'static [(u64, u64)];
        let cases: [(&str, Recorded, u64, f64); 6] = [
            ("nothing recorded is zero", &[], 30, 0.0),
            ("a young handle divides by its age", &[(1, 100)], 10, 10.0),
            ("the first second counts whole", &[(0, 50)], 0, 50.0),
            ("a full window divides by a minute", &[(100, 300), (110, 300)], 120, 10.0),
            ("rows of more than a minute ago are forgotten", &[(1, 900), (100, 60)], 120, 1.0),
            ("a long pause empties the window", &[(1, 900)], 100_000, 0.0),
        ];
        for (name, rows, now, expected) in cases {
            let mut rate = Rate::new();
            for (second, count) in rows {
                rate.add(Duration::from_secs(*second), *count);
            }
            assert_eq!(rate.at(Duration::from_secs(now)), expected, "{name}");
        }
    }
}

//! Lines of the log about a copy that takes long, where nobody sees a bar.

use std::time::{Duration, Instant};

use crate::monitor::TableProgress;

/// How often a copy is told of.
const EVERY: Duration = Duration::from_secs(30);

/// When a copy was told of, and what has been copied since this run began with it.
#[derive(Debug)]
pub struct Told {
    begun: Instant,
    rows_before: u64,
    last: Instant,
}

/// What a line says beside the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Of this run: one that resumed a copy did not copy what was there.
    pub rows_per_second: u64,
    /// Where the source said how many rows there are.
    pub left: Option<Left>,
}

/// How much of a copy is missing, by the source's estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub percent_done: u64,
    /// None while nothing moves.
    pub time: Option<Duration>,
}

impl Told {
    /// A copy begins, or goes on with these rows.
    pub fn new(progress: TableProgress, now: Instant) -> Self {
        Self { begun: now, rows_before: progress.rows_done, last: now }
    }

    /// What to tell now; none while the last line is new.
    pub fn due(&mut self, progress: TableProgress, now: Instant) -> Option<Pace> {
        if now.saturating_duration_since(self.last) < EVERY {
            return None;
        }
        self.last = now;
        let TableProgress { rows_done, rows_estimated } = progress;
        let seconds = now.saturating_duration_since(self.begun).as_secs().max(1);
        let rows_per_second = rows_done.saturating_sub(self.rows_before) / seconds;
        let left = rows_estimated.filter(|rows| *rows > 0).map(|estimated| {
            let share = u128::from(rows_done) * 100 / u128::from(estimated);
            let missing = estimated.saturating_sub(rows_done);
            let time = missing.checked_div(rows_per_second).map(Duration::from_secs);
            // An estimate is one: it is done when it says so.
            Left { percent_done: u64::try_from(share).unwrap_or(u64::MAX).min(99), time }
        });
        Some(Pace { rows_per_second, left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_copy_is_told_of_now_and_then() {
        let progress = |rows_done, rows_estimated| TableProgress { rows_done, rows_estimated };
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut told = Told::new(progress(1000, Some(10_000)), begun);
        assert_eq!(told.due(progress(2000, Some(10_000)), at(29)), None);
        let left = |percent_done, seconds: Option<u64>| {
            Some(Left { percent_done, time: seconds.map(Duration::from_secs) })
        };
        // What was there before this run is no work of it.
        let pace = Pace { rows_per_second: 100, left: left(40, Some(60)) };
        assert_eq!(told.due(progress(4000, Some(10_000)), at(30)), Some(pace));
        assert_eq!(told.due(progress(4100, Some(10_000)), at(59)), None);
        for (what, rows, estimated, expected) in [
            ("no estimate", 7000, None, None),
            ("more than estimated", 7000, Some(5000), left(99, Some(0))),
            ("nothing moves", 1000, Some(10_000), left(10, None)),
            ("absurd numbers", u64::MAX, Some(1), left(99, Some(0))),
        ] {
            let mut told = Told::new(progress(1000, estimated), begun);
            let pace = told.due(progress(rows, estimated), at(60)).unwrap();
            assert_eq!(pace.left, expected, "{what}");
        }
    }
}

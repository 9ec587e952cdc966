//! How far behind its source a table is.
//!
//! A watermark moves up with every commit and whenever the source has nothing more. While the
//! source is known, or must be feared, to be ahead, the lag is now minus the watermark and so grows
//! by itself when nothing arrives. A table that was idle for hours and then gets a row starts at
//! zero, because being caught up moved its watermark; one that resumes a stream of yesterday shows a
//! day as soon as the first commit says so.

use std::time::{Duration, SystemTime};

/// The state behind one `lag_seconds` series.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// Everything the source committed up to here is durable in the destination.
    watermark: Option<SystemTime>,
    /// The watermark is only the time at which we began to look.
    assumed: bool,
    behind: bool,
}

/// The moment that a source means by microseconds since 1970 UTC. One that the platform cannot hold comes
/// from a broken clock; it says nothing.
pub(super) fn source_time(micros: i64) -> Option<SystemTime> {
    let since = Duration::from_micros(u64::try_from(micros).unwrap_or_default());
    SystemTime::UNIX_EPOCH.checked_add(since)
}

impl Lag {
    /// The source may be ahead of us. Until this moment it was not, as far as we were told.
    pub(super) fn behind(&mut self, now: SystemTime) {
        if !self.behind {
            let first = self.watermark.is_none();
            self.raise(now);
            self.assumed = first;
            self.behind = true;
        }
    }

    /// The source has nothing that the destination has not.
    pub(super) fn caught_up(&mut self, now: SystemTime) {
        self.raise(now);
        self.behind = false;
    }

    /// A batch whose newest row the source committed at this time is durable. A time to come, from
    /// a clock ahead of ours or a source that lies, counts as now.
    pub(super) fn committed(&mut self, source_time: SystemTime, now: SystemTime) {
        if self.assumed {
            self.watermark = None;
        }
        self.raise(source_time.min(now));
    }

    /// The lag as of `now`.
    pub(super) fn at(&self, now: SystemTime) -> Duration {
        match (self.behind, self.watermark) {
            (true, Some(watermark)) => now.duration_since(watermark).unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    fn raise(&mut self, to: SystemTime) {
        self.watermark = self.watermark.max(Some(to));
        self.assumed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        Behind(u64),
        CaughtUp(u64),
        /// A row of this age is committed at this second.
        Committed(i64, u64),
    }
    use Step::{Behind, CaughtUp, Committed};

    fn second(n: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(n)
    }

    #[test]
    fn lag_follows_the_watermark() {
        let cases: [(&str, &[Step], u64, u64); 8] = [
            ("a table that nobody spoke of has no lag", &[], 100, 0),
            ("a stalled source makes the lag grow while nothing arrives", &[Behind(10)], 70, 60),
            ("a commit leaves the age of its row", &[Behind(50), Committed(5, 60)], 60, 5),
            (
                "being caught up is zero, however old the last row",
                &[Behind(9), CaughtUp(10)],
                99,
                0,
            ),
            (
                "a row after hours of idleness starts at zero",
                &[CaughtUp(72), Behind(7200)],
                7200,
                0,
            ),
            (
                "an older commit does not move the watermark back",
                &[Behind(1), Committed(5, 55), Committed(36, 56)],
                60,
                10,
            ),
            (
                "a clock that runs ahead hides the lag only at that moment",
                &[Behind(1), Committed(-500, 55)],
                60,
                5,
            ),
            (
                "a resumed stream shows the age of what it commits, not of the restart",
                &[Behind(100), Committed(70, 105)],
                110,
                75,
            ),
        ];
        for (name, steps, now, expected) in cases {
            let mut lag = Lag::default();
            for step in steps {
                match step {
                    Behind(at) => lag.behind(second(*at)),
                    CaughtUp(at) => lag.caught_up(second(*at)),
                    Committed(age, at) => {
                        lag.committed(second(at.saturating_add_signed(-age)), second(*at));
                    }
                }
            }
            assert_eq!(lag.at(second(now)), Duration::from_secs(expected), "{name}");
        }
    }
}

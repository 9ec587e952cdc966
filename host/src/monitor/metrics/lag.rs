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

impl Lag {
    /// The source may be ahead of us. The first time without a watermark, the lag counts from now.
    pub(super) fn behind(&mut self, now: SystemTime) {
        if self.watermark.is_none() {
            self.watermark = Some(now);
            self.assumed = true;
        }
        self.behind = true;
    }

    /// The source has nothing that the destination has not.
    pub(super) fn caught_up(&mut self, now: SystemTime) {
        self.raise(now);
        self.behind = false;
    }

    /// A batch whose newest row the source committed at this time is durable.
    pub(super) fn committed(&mut self, source_time: SystemTime) {
        if self.assumed {
            self.watermark = None;
        }
        self.raise(source_time);
    }

    /// The lag as of `now`; zero too when the source's clock runs ahead of ours.
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
        Committed(u64),
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
            ("a commit of an old row leaves its age", &[Behind(50), Committed(55)], 60, 5),
            (
                "being caught up is zero, however old the last row",
                &[Behind(9), CaughtUp(10)],
                99,
                0,
            ),
            (
                "a row after hours of idleness starts at zero",
                &[CaughtUp(7200), Behind(7200)],
                7200,
                0,
            ),
            (
                "an older commit does not move the watermark back",
                &[Behind(1), Committed(50), Committed(20)],
                60,
                10,
            ),
            (
                "a source whose clock is ahead has no negative lag",
                &[Behind(1), Committed(500)],
                60,
                0,
            ),
            (
                "a resumed stream shows the age of what it commits, not of the restart",
                &[Behind(100), Committed(30)],
                110,
                80,
            ),
        ];
        for (name, steps, now, expected) in cases {
            let mut lag = Lag::default();
            for step in steps {
                match step {
                    Behind(at) => lag.behind(second(*at)),
                    CaughtUp(at) => lag.caught_up(second(*at)),
                    Committed(at) => lag.committed(second(*at)),
                }
            }
            assert_eq!(lag.at(second(now)), Duration::from_secs(expected), "{name}");
        }
    }
}

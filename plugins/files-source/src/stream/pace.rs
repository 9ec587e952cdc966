//! When a directory is looked at again in which nothing happened.
//!
//! What was silent for a while may be so a little longer: the next look comes after a tenth of the
//! silence, and the call's own end, which the operator's polling interval decides, at the latest. So
//! a directory that is written to is read within moments, and a thousand that are not cost next to
//! nothing.

use std::time::{Duration, Instant};

/// Between two looks while something happened lately.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// What part of the silence is waited.
const SILENCE_PARTS: u32 = 10;

/// How a directory was found until now.
#[derive(Debug, Default)]
pub struct Pace {
    /// The first and the last look of those that found nothing.
    silence: Option<(Instant, Instant)>,
}

impl Pace {
    /// When to look next: in the past where something was found, or nobody has looked.
    pub fn due(&self) -> Option<Instant> {
        let (first, last) = self.silence?;
        last.checked_add((last.duration_since(first) / SILENCE_PARTS).max(PAUSE_MIN))
    }

    /// There was a look, which found something or did not.
    pub fn looked(&mut self, now: Instant, found: bool) {
        self.silence = match self.silence {
            _ if found => None,
            Some((first, _)) => Some((first, now)),
            None => Some((now, now)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_makes_looks_rare_and_news_make_them_frequent() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut pace = Pace::default();
        assert_eq!(pace.due(), None, "the first look is at once");
        pace.looked(start, false);
        assert_eq!(pace.due(), Some(start + PAUSE_MIN));
        pace.looked(at(50), false);
        assert_eq!(pace.due(), Some(at(55)));
        pace.looked(at(55), true);
        assert_eq!(pace.due(), None, "there may be more");
        pace.looked(at(56), false);
        assert_eq!(pace.due(), Some(at(56) + PAUSE_MIN), "the silence begins anew");
    }
}

//! The rate of what libraries say (I7): connectors can bring them to it, and nobody set a limit for it.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What the libraries of a process may write in an [`INTERVAL`].
const LINES_MAX: u32 = 50;
const INTERVAL: Duration = Duration::from_secs(1);

/// Lines since the interval began.
#[derive(Default)]
pub(super) struct Libraries(Mutex<Option<Interval>>);

struct Interval {
    began: Instant,
    lines: u32,
    left_out: u64,
}

impl Libraries {
    /// None for a line beyond the rate; else how many such lines there were before it.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let mut interval = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Interval { began: now, lines: 0, left_out: 0 };
        let current = interval.get_or_insert(new);
        let mut before = 0;
        if now.saturating_duration_since(current.began) >= INTERVAL {
            before = current.left_out;
            *current = Interval { began: now, lines: 0, left_out: 0 };
        }
        if current.lines >= LINES_MAX {
            current.left_out += 1;
            return None;
        }
        current.lines += 1;
        Some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_have_a_rate_too() {
        let (libraries, start) = (Libraries::default(), Instant::now());
        let admitted = (0..1_000).filter(|_| libraries.admit(start) == Some(0)).count();
        assert_eq!(admitted, LINES_MAX as usize);
        assert_eq!(libraries.admit(start + INTERVAL), Some(1_000 - u64::from(LINES_MAX)));
        assert_eq!(libraries.admit(start + INTERVAL), Some(0));
    }
}

//! How long an attempt is left alone before work that waits may end it.
//!
//! Each work costs the schema a start. One now and then is done at once; where they come one after the other, each
//! attempt gets longer to itself, or a flood would have the schema begin and begin and never go on.

use std::time::Duration;

/// What the second attempt in a row is left, and each further one twice as much.
const LEFT_ALONE_MIN: Duration = Duration::from_millis(250);
/// How long work waits at most for an attempt that has begun. One that nobody disturbed for so long ends the row.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(5);

/// Attempts in a row that were ended for work.
#[derive(Debug, Default)]
pub struct Interruptions(u32);

impl Interruptions {
    /// How long the next attempt goes on for sure, once it has begun.
    pub fn left_alone(&self) -> Duration {
        let Some(doublings) = self.0.checked_sub(1) else { return Duration::ZERO };
        let longer =
            2_u32.checked_pow(doublings).and_then(|times| LEFT_ALONE_MIN.checked_mul(times));
        longer.map_or(LEFT_ALONE_MAX, |longer| longer.min(LEFT_ALONE_MAX))
    }

    /// An attempt was ended, for which nobody had asked for so long.
    pub fn add(&mut self, undisturbed: Duration) {
        let before = if undisturbed < LEFT_ALONE_MAX { self.0 } else { 0 };
        self.0 = before.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_done_at_once_and_a_flood_is_not() {
        let mut interruptions = Interruptions::default();
        assert_eq!(interruptions.left_alone(), Duration::ZERO);
        let mut millis = Vec::new();
        for _ in 0..40 {
            interruptions.add(Duration::ZERO);
            millis.push(interruptions.left_alone().as_millis());
        }
        assert_eq!(millis[..7], [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(millis[39], 5000);
        interruptions.add(LEFT_ALONE_MAX);
        assert_eq!(interruptions.left_alone(), LEFT_ALONE_MIN);
    }
}

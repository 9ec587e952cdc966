//! How long the holder of a schema has not answered. Pure.

use std::time::{Duration, Instant};

/// Of one schema, as one run that waits for it sees it.
#[derive(Clone, Debug)]
pub struct Silence {
    /// The run that holds the schema.
    holder: String,
    /// The question that it answered last.
    answered: Option<String>,
    silent: Duration,
    looked: Instant,
}

impl Silence {
    /// Begins to listen to a run. An answer that is there already may be old, so it says nothing.
    pub fn new(holder: &str, answered: Option<&str>, now: Instant) -> Self {
        let (holder, answered) = (holder.to_owned(), answered.map(str::to_owned));
        Self { holder, answered, silent: Duration::ZERO, looked: now }
    }

    /// How long the holder has been silent, of time in which somebody listened: of two looks that lie further apart
    /// than `apart_max`, so much counts, since it may be the one who waits that stood still. `answered`: the question that the
    /// holder answered last, while it says that it holds the schema.
    pub fn look(
        &mut self,
        holder: &str,
        answered: Option<&str>,
        apart_max: Duration,
        now: Instant,
    ) -> Duration {
        if self.holder != holder {
            *self = Self::new(holder, answered, now);
            return Duration::ZERO;
        }
        let passed = now.saturating_duration_since(self.looked).min(apart_max);
        self.looked = now;
        if answered.is_some() && answered != self.answered.as_deref() {
            self.answered = answered.map(str::to_owned);
            self.silent = Duration::ZERO;
        } else {
            self.silent = self.silent.saturating_add(passed);
        }
        self.silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_new_answers_of_the_holder_end_a_silence() {
        let begun = Instant::now();
        let at = |seconds| begun + SECOND * seconds;
        let mut silence = Silence::new("a", Some("old"), begun);
        let mut look = |holder, answered, seconds| {
            silence.look(holder, answered, 2 * SECOND, at(seconds)).as_secs()
        };
        assert_eq!(look("a", Some("old"), 1), 1, "it may have been written long ago");
        assert_eq!(look("a", Some("new"), 2), 0);
        assert_eq!(look("a", Some("new"), 3), 1, "it is no news any more");
        assert_eq!(look("a", None, 4), 2, "it does not hold the schema any more, or is gone");
        assert_eq!(look("a", Some("new"), 5), 3);
        assert_eq!(look("b", Some("newer"), 6), 0, "another one holds it, who gets all the time");
        assert_eq!(look("b", Some("newer"), 7), 1);
    }

    #[test]
    fn time_in_which_nobody_listened_does_not_count() {
        let begun = Instant::now();
        let mut silence = Silence::new("a", None, begun);
        let hour = begun + Duration::from_secs(3600);
        assert_eq!(silence.look("a", None, 2 * SECOND, hour), 2 * SECOND);
        assert_eq!(silence.look("a", None, 2 * SECOND, hour + SECOND), 3 * SECOND);
    }
}

//! The log that the source keeps for a schema: what a look at it needs to know, and the word that it is too much.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast;

use super::error::RunError;
use crate::{
    config::{ByteCount, OnMaxRetained, WarpConfig},
    model::Position,
};

/// Between the looks at one schema of a source, and before the first: a run that is done by then needs none.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The looks of all schemas of a process in a second: each is a connection of its own to the source.
const LOOKS_PER_SECOND_MAX: u32 = 4;

/// What looks and attempts of one schema tell each other.
#[derive(Debug)]
pub struct Retained {
    max: Option<ByteCount>,
    releases: bool,
    look_every: Duration,
    /// What was committed last, as far as this process knows.
    committed: Mutex<Option<Position>>,
    full: broadcast::Sender<String>,
}

/// How much is kept, beside how much may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[default]
    Fine,
    /// From four fifths of the bound on.
    Near,
    Full,
}

impl Retained {
    pub fn new(config: &WarpConfig) -> Self {
        let source = &config.source;
        let releases = source.on_max_retained == OnMaxRetained::Release;
        let (full, _) = broadcast::channel(1);
        let look_every = look_every(config.active_schemas().count());
        Self { max: source.max_retained, releases, look_every, committed: Mutex::default(), full }
    }

    /// Between two looks at the schema's log: more, where there are many schemas.
    pub fn look_every(&self) -> Duration {
        self.look_every
    }

    /// Before the first look: at another moment for each schema where there are many.
    pub fn first_look_after(&self) -> Duration {
        let random = getrandom::u32().unwrap_or(0);
        let part = f64::from(random) / f64::from(u32::MAX);
        LOOK_EVERY + self.look_every.saturating_sub(LOOK_EVERY).mul_f64(part)
    }

    /// This position is committed.
    pub fn commit(&self, position: &Position) {
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner) = Some(position.clone());
    }

    pub fn committed(&self) -> Option<Position> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn max(&self) -> Option<ByteCount> {
        self.max
    }

    /// Whether too much log is given up.
    pub fn releases(&self) -> bool {
        self.releases
    }

    pub fn level(&self, bytes: Option<u64>) -> Level {
        let (Some(max), Some(bytes)) = (self.max, bytes) else { return Level::Fine };
        match u128::from(bytes) {
            bytes if bytes >= u128::from(max.get()) => Level::Full,
            bytes if bytes * 5 >= u128::from(max.get()) * 4 => Level::Near,
            _ => Level::Fine,
        }
    }

    /// Whoever waits for it in [`Self::full`] hears that the log is to be given up. Who does not hear it
    /// now hears it after the next look.
    pub fn give_up(&self, words: &str) {
        // An error says that nobody waits.
        let _ = self.full.send(words.to_owned());
    }

    /// Waits until the log is to be given up; the error that says so.
    pub async fn full(&self) -> RunError {
        let mut heard = self.full.subscribe();
        loop {
            // The sender is ours, so the channel is never closed; what was missed is said again.
            if let Ok(words) = heard.recv().await {
                let max = self.max.map(|max| max.to_string()).unwrap_or_default();
                return RunError::LogReleased { words, max };
            }
        }
    }
}

fn look_every(schemas: usize) -> Duration {
    let schemas = u32::try_from(schemas).unwrap_or(u32::MAX);
    LOOK_EVERY.max(Duration::from_secs(1) * (schemas / LOOKS_PER_SECOND_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_schemas_are_looked_at_less_often_and_not_all_at_once() {
        for (schemas, seconds) in [(0, 10), (1, 10), (40, 10), (48, 12), (1_000, 250)] {
            assert_eq!(look_every(schemas), Duration::from_secs(seconds), "{schemas}");
        }
        let retained = Retained {
            max: None,
            releases: false,
            look_every: look_every(1_000),
            committed: Mutex::default(),
            full: broadcast::channel(1).0,
        };
        let first: Vec<_> = (0..100).map(|_| retained.first_look_after()).collect();
        assert!(first.iter().all(|after| (LOOK_EVERY..=retained.look_every).contains(after)));
        assert!(first.iter().any(|after| *after != first[0]));
    }

    #[test]
    fn four_fifths_of_the_bound_are_near_it() {
        let retained = |max: Option<u64>| Retained {
            max: max.map(ByteCount::new),
            releases: true,
            look_every: LOOK_EVERY,
            committed: Mutex::default(),
            full: broadcast::channel(1).0,
        };
        let cases = [
            (Some(100), Some(79), Level::Fine),
            (Some(100), Some(80), Level::Near),
            (Some(100), Some(99), Level::Near),
            (Some(100), Some(100), Level::Full),
            (Some(u64::MAX), Some(u64::MAX - 1), Level::Near),
            (Some(100), None, Level::Fine),
            (None, Some(u64::MAX), Level::Fine),
        ];
        for (max, bytes, level) in cases {
            assert_eq!(retained(max).level(bytes), level, "{bytes:?} of {max:?}");
        }
    }
}

//! What a schema cannot be run with: a run ends at the first thing, `check` wants them all.

use super::error::RunError;
use crate::model::Action;

/// Things that are wrong, as far as they are looked for.
#[derive(Debug)]
pub struct Findings {
    found: Vec<RunError>,
    wants_all: bool,
}

impl Findings {
    /// Ends at the first.
    pub fn first() -> Self {
        Self { found: Vec::new(), wants_all: false }
    }

    /// Goes on for as long as there is something to look at.
    pub fn all() -> Self {
        Self { found: Vec::new(), wants_all: true }
    }

    /// Whether more is looked for behind this error: it says what is wrong, and not that nobody answers.
    pub fn go_on_behind(&self, error: &RunError) -> bool {
        self.wants_all && matches!(error.action(), Action::Config | Action::Stop)
    }

    /// Takes note of what is wrong, or ends with it.
    pub fn add(&mut self, error: RunError) -> Result<(), RunError> {
        if !self.go_on_behind(&error) {
            return Err(error);
        }
        self.found.push(error);
        Ok(())
    }

    /// The value, or none where it cannot be had, of which note is taken.
    pub fn take<T>(&mut self, result: Result<T, RunError>) -> Result<Option<T>, RunError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.add(error).map(|()| None),
        }
    }

    /// The same of something without which there is still more to look at.
    pub fn note<T>(&mut self, result: Result<T, RunError>) -> Option<T> {
        result.map_err(|error| self.found.push(error)).ok()
    }

    /// Everything that was found, and what ended the search.
    pub fn ended(self, end: Result<(), RunError>) -> Vec<RunError> {
        self.found.into_iter().chain(end.err()).collect()
    }
}

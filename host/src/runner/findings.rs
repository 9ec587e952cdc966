//! What a schema cannot be run with: a run ends at the first thing that is not a single table's own,
//! `check` wants them all.

use std::collections::BTreeSet;

use super::{error::RunError, parking::Parking};
use crate::model::Action;

/// Things that are wrong, as far as they are looked for.
#[derive(Debug)]
pub struct Findings {
    found: Vec<RunError>,
    beyond: Beyond,
}

/// What is looked for behind something that is wrong.
#[derive(Debug)]
enum Beyond {
    Everything,
    /// What is wrong with other tables: these are parked.
    Tables(Parking),
}

impl Findings {
    /// Ends at the first that stops the schema.
    pub fn of_tables(parking: Parking) -> Self {
        Self { found: Vec::new(), beyond: Beyond::Tables(parking) }
    }

    /// Goes on for as long as there is something to look at.
    pub fn all() -> Self {
        Self { found: Vec::new(), beyond: Beyond::Everything }
    }

    /// Whether all that is wrong is wanted.
    pub fn wants_all(&self) -> bool {
        matches!(self.beyond, Beyond::Everything)
    }

    /// The tables that are parked for what was found so far.
    pub fn parked(&self) -> BTreeSet<String> {
        let Beyond::Tables(parking) = &self.beyond else { return BTreeSet::new() };
        self.found.iter().flat_map(|error| parking.tables_of(error)).collect()
    }

    /// Hands over what was found so far.
    pub fn drain(&mut self) -> Vec<RunError> {
        std::mem::take(&mut self.found)
    }

    /// Whether more is looked for behind this error: it says what is wrong, and not that nobody answers.
    pub fn go_on_behind(&self, error: &RunError) -> bool {
        match &self.beyond {
            Beyond::Everything => matches!(error.action(), Action::Config | Action::Stop),
            Beyond::Tables(parking) => !parking.tables_of(error).is_empty(),
        }
    }

    /// Takes note of what is wrong, or ends with it.
    pub fn add(&mut self, error: RunError) -> Result<(), RunError> {
        if !self.go_on_behind(&error) {
            return Err(error);
        }
        self.found.push(error);
        Ok(())
    }

    /// Takes note of what is wrong with the schema as a whole, whichever table it showed at.
    pub fn add_of_schema(&mut self, error: RunError) -> Result<(), RunError> {
        if self.wants_all() { self.add(error) } else { Err(error) }
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

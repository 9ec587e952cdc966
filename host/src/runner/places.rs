//! Which table of which schema is kept at each place of the destination, as far as this process knows.
//!
//! The schemas of a process run side by side, so two of them may be about to make the same table, and
//! neither is there yet to be seen.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::model::TablePlace;

/// The tables by the destination's words for their places.
#[derive(Debug, Default)]
pub struct Places {
    taken: Mutex<HashMap<String, TablePlace>>,
}

impl Places {
    /// A schema begins anew: it has no table.
    pub fn forget(&self, schema: &str) {
        self.lock().retain(|_, of| of.schema != schema);
    }

    /// Makes a place that of a source's table; the other one, if it is that one's.
    pub fn take(&self, identity: String, of: &TablePlace) -> Option<TablePlace> {
        let mut taken = self.lock();
        let owner = taken.entry(identity).or_insert_with(|| of.clone());
        (owner != of).then(|| owner.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, TablePlace>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What became of dead letters that were tried again.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::KeptLetter;

/// Letters that are shown with their reasons; all are counted.
const SHOWN_MAX: usize = 100;
/// Reasons for which letters were not tried that are told apart (I7).
const REASONS_MAX: usize = 1000;

/// What became of the letters.
#[derive(Debug, Default)]
pub struct Retried {
    /// Their rows are written, or gone at the source and deleted.
    pub resolved: u64,
    /// Keys that no row has at the source any more.
    pub gone: u64,
    /// Their rows were refused again, so they stay open.
    pub refused: u64,
    /// The first of those, as they are now, without their rows.
    pub shown: Vec<KeptLetter>,
    /// Letters that could not be tried, by table and reason.
    pub passed: BTreeMap<(String, String), u64>,
    /// There are more letters than one retry is about.
    pub more: bool,
    /// Those of the present page that were tried.
    tried: BTreeSet<u64>,
}

impl Retried {
    /// This letter cannot be tried.
    pub(super) fn pass(&mut self, table: &str, why: &str, letters: u64) {
        let mut reason = (table.to_owned(), why.to_owned());
        if self.passed.len() >= REASONS_MAX && !self.passed.contains_key(&reason) {
            reason = ("other tables".to_owned(), "as the others".to_owned());
        }
        *self.passed.entry(reason).or_default() += letters;
    }

    /// Rows of these letters are committed.
    pub(super) fn tried(&mut self, ids: impl IntoIterator<Item = u64>) {
        self.tried.extend(ids);
    }

    /// What is still open of the page.
    pub(super) fn settle(&mut self, open: Vec<KeptLetter>) {
        let tried = std::mem::take(&mut self.tried);
        let mut refused = 0;
        for letter in open.into_iter().filter(|letter| tried.contains(&letter.id)) {
            refused += 1;
            if self.shown.len() < SHOWN_MAX {
                self.shown.push(KeptLetter { payload: String::new(), ..letter });
            }
        }
        self.refused += refused;
        self.resolved += (tried.len() as u64).saturating_sub(refused);
    }
}

//! The open dead letters of a table: rows that differ for a reason that is known.

use std::collections::HashSet;

use super::view::View;
use crate::{
    model::LetterFilter,
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        processor::letters::collect,
        table::{KeyTexts, Table},
    },
};

/// Keys of open dead letters that are known at once (I7).
const LETTERS_MAX: usize = 100_000;

/// The open dead letters of a table.
#[derive(Clone, Debug, Default)]
pub struct Letters {
    /// The hashes of their keys: their texts may differ with who wrote them.
    pub keys: HashSet<u128>,
    /// How many have none, or one that no row of the table has.
    pub without_key: u64,
}

impl Letters {
    /// Those that are open now.
    pub async fn of(
        context: &SchemaContext,
        destination: &DestinationConnection,
        (table, view): (&Table, &View),
    ) -> Result<Self, RunError> {
        let name = &table.source.name;
        let open = destination.count_open(context.name()).await?.unwrap_or_default();
        let mut letters = Self::default();
        if open.iter().all(|(of, _)| of != name) {
            return Ok(letters);
        }
        let filter = LetterFilter {
            table: Some(name.clone()),
            status: Some(LetterFilter::OPEN.to_owned()),
            ..LetterFilter::default()
        };
        let found = collect(context, destination, &filter, LETTERS_MAX, false).await?;
        let key = |said: Option<String>| table.read_key(said.as_deref()?);
        let texts: Vec<Option<KeyTexts>> =
            found.letters.into_iter().map(|letter| key(letter.key)).collect();
        let known: Vec<&KeyTexts> = texts.iter().flatten().collect();
        letters.without_key = (texts.len() - known.len()) as u64;
        for key in view.keys(table, &known)? {
            match key {
                Some(key) => drop(letters.keys.insert(key)),
                None => letters.without_key += 1,
            }
        }
        letters.without_key += u64::from(found.more);
        Ok(letters)
    }

    /// With those of before, too: one may have been settled between a look at its row and this.
    pub fn and(mut self, before: &Self) -> Self {
        self.keys.extend(&before.keys);
        self.without_key = self.without_key.max(before.without_key);
        self
    }
}

//! The open dead letters of a table: rows that differ for a reason that is known.

use std::collections::HashSet;

use crate::{
    model::LetterFilter,
    plugin::DestinationConnection,
    runner::{context::SchemaContext, error::RunError, processor::letters::collect},
};

/// Keys of open dead letters that are known at once (I7).
const LETTERS_MAX: usize = 100_000;

/// The open dead letters of a table.
#[derive(Clone, Debug, Default)]
pub struct Letters {
    /// Their keys.
    pub keys: HashSet<String>,
    /// How many have none.
    pub without_key: u64,
}

impl Letters {
    /// Those that are open now.
    pub async fn of(
        context: &SchemaContext,
        destination: &DestinationConnection,
        table: &str,
    ) -> Result<Self, RunError> {
        let open = destination.count_open(context.name()).await?.unwrap_or_default();
        let mut letters = Self::default();
        if open.iter().all(|(of, _)| of != table) {
            return Ok(letters);
        }
        let filter = LetterFilter {
            table: Some(table.to_owned()),
            status: Some(LetterFilter::OPEN.to_owned()),
            ..LetterFilter::default()
        };
        let found = collect(context, destination, &filter, LETTERS_MAX, false).await?;
        for letter in found.letters {
            match letter.key {
                Some(key) => {
                    letters.keys.insert(key);
                }
                None => letters.without_key += 1,
            }
        }
        letters.without_key += u64::from(found.more);
        Ok(letters)
    }

    /// With those of before, too: one may have been settled between a look at its row and this.
    pub fn and(mut self, before: &Self) -> Self {
        self.keys.extend(before.keys.iter().cloned());
        self.without_key = self.without_key.max(before.without_key);
        self
    }
}

//! Counts of rows and dead letters, by table.

use std::collections::{BTreeMap, BTreeSet};

use crate::{config::DeadLetterLimit, model::DeadLetter, runner::tally::Measured};

/// Dead letters by table.
pub type Letters = BTreeMap<String, u64>;

/// What a commit does to each table.
#[derive(Debug, Default)]
pub struct Brought {
    /// Tables that are emptied first.
    pub cleared: Vec<String>,
    /// Rows that come, those among the letters included.
    pub rows: Letters,
    pub letters: Letters,
}

/// What a run brought of a table since it began, or since it emptied the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    rows: u64,
    letters: u64,
}

impl Brought {
    /// What these rows come to, beside letters of rows that are not among them.
    pub fn of(cleared: &[String], measured: &[Measured], letters: Letters) -> Self {
        let mut rows = letters.clone();
        for batch in measured {
            *rows.entry(batch.table.clone()).or_default() += batch.rows();
        }
        Self { cleared: cleared.to_vec(), rows, letters }
    }

    /// The tables of which rows or letters come.
    pub fn tables(&self) -> BTreeSet<&String> {
        self.rows.keys().chain(self.letters.keys()).collect()
    }

    /// What a table has open after it.
    pub fn open_after(&self, table: &str, open: u64) -> u64 {
        let before = if self.clears(table) { 0 } else { open };
        before.saturating_add(of(&self.letters, table))
    }

    /// What the run has brought after it.
    pub fn since_after(&self, table: &str, since: Since) -> Since {
        let Since { rows, letters } = if self.clears(table) { Since::default() } else { since };
        Since {
            rows: rows.saturating_add(of(&self.rows, table)),
            letters: letters.saturating_add(of(&self.letters, table)),
        }
    }

    fn clears(&self, table: &str) -> bool {
        self.cleared.iter().any(|cleared| cleared == table)
    }
}

/// Why a table has too many letters, if it has: `open` ones, and what the run brought. What a person has settled
/// is not open, so it is no part of a share.
pub fn excess(limit: DeadLetterLimit, open: u64, since: Since) -> Option<String> {
    let letters = since.letters.min(open);
    match limit {
        DeadLetterLimit::Rows(max) if open > max => {
            Some(format!("{open} open dead letters, {max} are allowed"))
        }
        DeadLetterLimit::Share(share) if share.is_exceeded(letters, since.rows) => {
            let rows = since.rows;
            Some(format!(
                "{letters} dead letters among {rows} rows of this run, {share} are allowed"
            ))
        }
        _ => None,
    }
}

/// Letters of one commit, by table.
pub fn by_table(letters: &[DeadLetter]) -> Letters {
    let mut counts = Letters::new();
    for letter in letters {
        *counts.entry(letter.table.clone()).or_default() += 1;
    }
    counts
}

/// The first of the rows of each table that are refused for one reason, and how many they are. A row comes
/// with its table and the word for the reason.
pub fn by_reason<'r, T>(
    rows: impl IntoIterator<Item = (&'r str, &'r str, T)>,
) -> BTreeMap<(&'r str, &'r str), (T, u64)> {
    let mut reasons = BTreeMap::new();
    for (table, code, row) in rows {
        let (_, rows) = reasons.entry((table, code)).or_insert((row, 0));
        *rows += 1;
    }
    reasons
}

/// The count of a table.
pub fn of(counts: &Letters, table: &str) -> u64 {
    counts.get(table).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_of_what_came_since_the_table_was_emptied() {
        let counts = |count| Letters::from([("t".to_owned(), count)]);
        let brought = |rows, letters| Brought {
            rows: counts(rows),
            letters: counts(letters),
            ..Brought::default()
        };
        let limit = "10% of 20".parse().unwrap();
        let after = |brought: &Brought, since| brought.since_after("t", since);
        let few = after(&brought(19, 19), Since::default());
        assert_eq!(excess(limit, 19, few), None, "too few rows to say so");
        let many = after(&brought(1, 0), few);
        let found = excess(limit, 19, many).unwrap();
        assert!(found.starts_with("19 dead letters among 20 rows"), "{found}");
        assert_eq!(excess(limit, 2, many), None, "a person has settled the others");
        let emptied = Brought { cleared: vec!["t".into()], ..brought(100, 3) };
        assert_eq!(after(&emptied, many), Since { rows: 100, letters: 3 });
        assert_eq!(emptied.open_after("t", 19), 3);
        assert_eq!(excess(limit, 19, after(&emptied, many)), None);
    }
}

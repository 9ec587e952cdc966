//! The history that the source tells: each change follows from its number alone, so that a test can
//! work out what a copy must come to.

use std::{collections::BTreeMap, ops::Range};

/// What change `n` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Insert,
    Update,
    Delete,
}

/// A change of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index of the table.
    pub table: u64,
    pub key: u64,
    pub step: Step,
    /// The number of the change, which is the row's value.
    pub value: u64,
}

/// Change `n` of a history over this many tables with this many keys each.
pub fn change(n: u64, tables: u64, keys: u64) -> Change {
    // Any mixing will do, as long as neighbours differ and it is the same everywhere.
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    let step = match mixed % 5 {
        0 | 1 => Step::Insert,
        2 | 3 => Step::Update,
        _ => Step::Delete,
    };
    Change { table: n % tables.max(1), key: (mixed >> 8) % keys.max(1), step, value: n }
}

/// The rows of a table after the first `changes` changes, as (key, value).
pub fn rows(table: u64, changes: u64, tables: u64, keys: u64) -> Vec<(u64, u64)> {
    rows_between(table, 0..changes, tables, keys)
}

/// The same for a table that was empty before the first of these changes.
pub fn rows_between(table: u64, changes: Range<u64>, tables: u64, keys: u64) -> Vec<(u64, u64)> {
    let mut rows = BTreeMap::new();
    for n in changes {
        let Change { table: of, key, step, value } = change(n, tables, keys);
        if of != table {
            continue;
        }
        match step {
            Step::Insert | Step::Update => {
                rows.insert(key, value);
            }
            Step::Delete => {
                rows.remove(&key);
            }
        }
    }
    rows.into_iter().collect()
}

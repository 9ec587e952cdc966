//! Rows of one key become one change of that key.
//!
//! I4: the changes of a key take effect as if applied one after the other; only their results are
//! written. Nothing else than the order within a key is promised, so keys may go in any order. Where
//! nobody but the server can tell which keys are one, each row stays a change of its own.

use std::borrow::Cow;
use std::collections::HashMap;

use cartridge_warp_sdk::{Operation, TableRows};

use crate::encode::{Encoded, fields};
use crate::shape::Shape;

/// In [`Content::Merged`]: the source did not send the value.
pub(crate) const UNSENT: u32 = u32::MAX;
const NONE: u32 = u32::MAX;

/// Where the values of a row to be written come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// All from one row.
    Row(u32),
    /// Each column from a row of its own, or [`UNSENT`].
    Merged(Box<[u32]>),
}

/// What becomes of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The row that deletes what is there, before anything is written.
    pub(crate) deletion: Option<u32>,
    /// What is then inserted or updated.
    pub(crate) content: Option<Content>,
    /// The row that marks it as deleted again: for tables with soft deletes only.
    pub(crate) gone: Option<u32>,
    /// How many changes the written row has seen.
    pub(crate) versions: u32,
    /// The last row of the key.
    last: u32,
}

impl Change {
    fn none() -> Self {
        Self { deletion: None, content: None, gone: None, versions: 0, last: NONE }
    }

    fn add(&mut self, rows: &TableRows, row: u32, soft: bool) {
        self.last = row;
        match rows.op(row as usize) {
            Operation::Delete if !soft => {
                self.deletion = Some(row);
                (self.content, self.versions) = (None, 0);
            }
            Operation::Delete if self.content.is_none() => {
                self.deletion.get_or_insert(row);
            }
            Operation::Delete if self.gone.is_none() => {
                self.gone = Some(row);
                self.versions += 1;
            }
            Operation::Delete => {}
            _ => {
                self.content = Some(merge(rows, row, self.content.as_ref()));
                self.gone = None;
                self.versions += 1;
            }
        }
    }

    /// Any row of the key, for the key's values.
    pub(crate) fn any_row(&self) -> usize {
        self.last as usize
    }
}

fn merge(rows: &TableRows, row: u32, before: Option<&Content>) -> Content {
    let columns = rows.columns().len();
    let unsent = |at: usize| rows.is_unchanged(row as usize, at);
    if !rows.may_be_unchanged() || !(0..columns).any(unsent) {
        return Content::Row(row);
    }
    let from = |at: usize| match before {
        _ if !unsent(at) => row,
        None => UNSENT,
        Some(Content::Row(before)) => *before,
        Some(Content::Merged(before)) => before[at],
    };
    Content::Merged((0..columns).map(from).collect())
}

/// The changes of some rows.
pub(crate) struct Changes {
    pub(crate) all: Vec<Change>,
    /// Keys of these may be equal: they take effect in this order only.
    pub(crate) in_order: bool,
    /// For each row the one of the same key before it.
    previous: HashMap<u32, u32>,
}

impl Changes {
    /// Collapses rows, which have to be encoded; others are passed over.
    pub(crate) fn of(
        rows: &TableRows,
        encoded: &Encoded,
        shape: &Shape,
        places: impl Iterator<Item = usize>,
        soft: bool,
    ) -> Self {
        let places: Vec<usize> = places.filter(|place| !encoded.row(*place).is_empty()).collect();
        let keys: Option<Vec<Key<'_>>> =
            places.iter().map(|place| key(encoded.row(*place), shape)).collect();
        let Some(keys) = keys else { return Self::each(rows, places.into_iter(), soft) };
        let mut all: Vec<Change> = Vec::new();
        let mut previous = HashMap::new();
        let mut known: HashMap<Key<'_>, usize> = HashMap::new();
        for (place, key) in places.into_iter().zip(keys) {
            let row = number(place);
            let at = *known.entry(key).or_insert(all.len());
            if at == all.len() {
                all.push(Change::none());
            }
            let change = &mut all[at];
            if change.last != NONE {
                previous.insert(row, change.last);
            }
            change.add(rows, row, soft);
        }
        Self { all, in_order: false, previous }
    }

    /// A change for each row, which has to be encoded.
    pub(crate) fn each(rows: &TableRows, places: impl Iterator<Item = usize>, soft: bool) -> Self {
        let of_row = |place| {
            let mut change = Change::none();
            change.add(rows, number(place), soft);
            change
        };
        Self { all: places.map(of_row).collect(), in_order: true, previous: HashMap::new() }
    }

    /// The rows that a change was made of, in order.
    pub(crate) fn rows(&self, change: &Change) -> Vec<usize> {
        let mut rows: Vec<_> =
            std::iter::successors(Some(change.last), |row| self.previous.get(row).copied())
                .map(|row| row as usize)
                .collect();
        rows.reverse();
        rows
    }
}

/// Batches are far shorter: the wire counts their rows in 32 bits.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE - 1)
}

/// The key fields of a row, as [`Equality`](crate::equality::Equality) tells them apart.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    One(Cow<'a, [u8]>),
    Many(Vec<Cow<'a, [u8]>>),
}

/// The key of an encoded row; none if only the server knows which keys are one.
pub(crate) fn key<'a>(row: &'a [u8], shape: &Shape) -> Option<Key<'a>> {
    let canonical = |place: usize, field| shape.columns[place].equality.canonical(field);
    match shape.key[..] {
        [place] => {
            let field = fields(row).nth(place).unwrap_or_default();
            canonical(place, field).map(Key::One)
        }
        _ => {
            let fields: Vec<_> = fields(row).collect();
            let field =
                |place: &usize| canonical(*place, fields.get(*place).copied().unwrap_or_default());
            shape.key.iter().map(field).collect::<Option<_>>().map(Key::Many)
        }
    }
}

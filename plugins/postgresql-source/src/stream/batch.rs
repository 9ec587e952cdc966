//! Changes that one call returns, and its limits.

use std::rc::Rc;

use bytes::Bytes;
use cartridge_warp_sdk::{Limits, Operation, SchemaChange};

use super::fitting::Fitting;
use crate::pgoutput::{Field, Tuple};
use crate::position::Position;

/// Rows whose missing values are looked up for one batch: each may bring large values (I7).
const LOOKUPS_MAX: usize = 200;
/// A batch this fraction of which is free begins with no further transaction.
const SPARE: usize = 8;
/// What a row takes besides its values, about.
const ROW_BYTES: u64 = 24;

/// A row that changed.
#[derive(Debug)]
pub struct Change {
    /// Its table, and which field is which column.
    pub fitting: Rc<Fitting>,
    /// What happened to it.
    pub operation: Operation,
    /// When it was committed.
    pub at_micros: i64,
    /// The number of its transaction.
    pub transaction: u32,
    /// Its fields; empty for a truncation.
    pub tuple: Tuple,
    /// Values that were not sent have to be looked up.
    pub look_up: bool,
    /// What was found, by column.
    pub found: Vec<(usize, Field)>,
}

impl Change {
    /// The field of a column, if the log sent one.
    pub fn field(&self, column: usize) -> Option<&Field> {
        let at = self.fitting.columns.iter().position(|place| *place == Some(column))?;
        self.tuple.0.get(at)
    }
}

/// One batch in the making.
#[derive(Default)]
pub struct Batch {
    /// Changes in order.
    pub changes: Vec<Change>,
    /// To be announced before them.
    pub schema_changes: Vec<SchemaChange>,
    /// It goes on with a transaction of which a part was delivered before.
    goes_on: bool,
    bytes: u64,
    /// The changes of which values are looked up, and the position in front of each.
    lookups: Vec<(usize, Position)>,
}

impl Batch {
    /// A batch that begins with changes of shape; `goes_on` within a transaction.
    pub fn announcing(schema_changes: Vec<SchemaChange>, goes_on: bool) -> Self {
        Self { schema_changes, goes_on, ..Self::default() }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.schema_changes.is_empty()
    }

    /// Whether nothing more may come in.
    pub fn is_full(&self, limits: &Limits) -> bool {
        self.changes.len() >= limits.rows_max
            || self.bytes >= limits.bytes_max
            || self.lookups.len() >= LOOKUPS_MAX
    }

    /// Whether to end with the transaction that ends here: the next one would hardly go in whole, and
    /// what waits for this one's end would have to wait for its end, too.
    pub fn ends_with_transaction(&self, limits: &Limits) -> bool {
        let rows = limits.rows_max - limits.rows_max / SPARE;
        self.goes_on
            || (!self.changes.is_empty() && self.changes.len() >= rows)
            || self.bytes >= limits.bytes_max - limits.bytes_max / SPARE as u64
    }

    /// Whether a message of so many rows goes in whole; always true for an empty batch.
    pub fn has_room(&self, rows: usize, limits: &Limits) -> bool {
        self.changes.is_empty() || self.changes.len() + rows <= limits.rows_max
    }

    /// The texts that the log sent.
    pub fn texts(&mut self) -> impl Iterator<Item = &mut Bytes> {
        let fields = self.changes.iter_mut().flat_map(|change| &mut change.tuple.0);
        fields.filter_map(|field| match field {
            Field::Text(text) => Some(text),
            _ => None,
        })
    }

    /// The position in front of its first change, if values of that are looked up.
    pub fn begins(&self) -> Option<&Position> {
        self.lookups.first().filter(|(at, _)| *at == 0).map(|(_, position)| position)
    }

    /// Takes off what begins with a change of which values are looked up.
    pub fn split_off(&mut self, at: usize) -> Self {
        let mut rest = Self { changes: self.changes.split_off(at), ..Self::default() };
        let lookups = std::mem::take(&mut self.lookups);
        let (front, behind) = lookups.into_iter().partition(|(place, _)| *place < at);
        self.lookups = front;
        rest.lookups = behind;
        rest.lookups.iter_mut().for_each(|(place, _)| *place -= at);
        rest
    }

    /// Appends a change that comes behind this position.
    pub fn push(&mut self, change: Change, behind: &Position) {
        let size = |field: &Field| match field {
            Field::Text(text) => text.len() as u64,
            _ => 0,
        };
        self.bytes += ROW_BYTES + change.tuple.0.iter().map(size).sum::<u64>();
        if change.look_up {
            self.lookups.push((self.changes.len(), behind.clone()));
        }
        self.changes.push(change);
    }
}

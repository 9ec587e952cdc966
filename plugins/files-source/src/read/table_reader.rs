//! What is being read of a table in one call.

use cartridge_warp_sdk::{DeadLetter, Limits, Operation, TableWriter};

use super::LineNumbers;
use super::row::Fault;
use crate::options::Options;
use crate::shape::{Guess, Shape};

/// What is left of one call's limits, over all its tables.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    rows: usize,
    bytes: u64,
    taken: usize,
}

impl Budget {
    /// A whole call's. An eighth is kept for what a batch has besides its values.
    pub fn new(limits: Limits) -> Self {
        Self { rows: limits.rows_max, bytes: limits.bytes_max / 8 * 7, taken: 0 }
    }

    /// Whether a row of about this size may still come; the first one always may.
    pub fn allows(&self, bytes: u64) -> bool {
        self.taken == 0 || (self.rows > 0 && bytes <= self.bytes)
    }

    /// Counts a row, whether it was committed or rejected.
    pub fn take(&mut self, bytes: u64) {
        self.rows = self.rows.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.taken += 1;
    }

    /// Rows that may still come.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Why reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// There is nothing more to read for now.
    Drained,
    /// The call's limits are reached.
    Limit,
    /// The next row has values in columns that the table did not have, or not with a value.
    NewColumns(Vec<(String, Guess)>),
}

/// Reads files of one table into one batch.
pub struct TableReader<'c> {
    /// The batch.
    pub writer: TableWriter,
    /// Rows that could not travel.
    pub rejected: Vec<DeadLetter>,
    pub(super) shape: &'c Shape,
    pub(super) options: &'c Options,
    pub(super) lines: &'c mut LineNumbers,
    pub(super) snapshot: bool,
}

impl<'c> TableReader<'c> {
    /// A reader with an empty batch.
    pub fn new(
        shape: &'c Shape,
        options: &'c Options,
        lines: &'c mut LineNumbers,
        snapshot: bool,
    ) -> Self {
        let writer = if snapshot {
            TableWriter::inserts(shape.table())
        } else {
            TableWriter::changes(shape.table())
        };
        Self { writer, rejected: Vec::new(), shape, options, lines, snapshot }
    }

    /// Makes a row that cannot travel a dead letter.
    pub fn reject(
        &mut self,
        fault: Fault,
        operation: Option<Operation>,
        payload: &str,
        origin: String,
    ) {
        let table = self.shape.table().name.as_str();
        let letter = DeadLetter::new(table, fault.code, fault.message, payload, origin);
        let letter = match operation {
            Some(operation) => letter.operation(operation),
            None => letter,
        };
        self.rejected.push(letter);
    }

    /// The table's shape.
    pub fn shape(&self) -> &'c Shape {
        self.shape
    }

    /// Whether rows are read for a snapshot.
    pub fn is_snapshot(&self) -> bool {
        self.snapshot
    }
}

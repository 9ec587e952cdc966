//! Documents to rows of their collection's table.
//!
//! A document that the table cannot hold yet makes the shape grow, and one that no table can hold is
//! a dead letter: nothing is ever left out. What one row is made of is `row`'s business.

use bson::RawDocument;
use cartridge_warp_sdk::{DeadLetter, Failure, Operation, RowBuilder, TableRows, TableWriter};

use crate::key::ID;
use crate::letter;
use crate::rejection::Rejection;
use crate::row::{self, Miss};
use crate::shape::Shape;

/// Room that is kept from batch to batch for the JSON of one value.
const SCRATCH_BYTES_MAX: usize = 1 << 20;

/// What became of a document.
#[derive(Debug)]
#[must_use]
pub enum Pushed {
    /// It is a row.
    Row,
    /// No row can hold it.
    Rejected(DeadLetter),
    /// The table has changed by it: take the rows so far with [`Rows::finish`], then push it again.
    Reshaped,
}

/// A document on its way to a row.
#[derive(Debug, Clone, Copy)]
pub struct Change<'d> {
    /// What happened to it.
    pub operation: Operation,
    /// As it is now; of a deleted one only `_id` is read.
    pub document: &'d RawDocument,
    /// When it was committed, in microseconds since 1970, for change streams.
    pub at: Option<i64>,
}

/// Collects documents of one collection as rows of its table.
pub struct Rows {
    shape: Shape,
    writer: TableWriter,
    changes: bool,
    /// The table has changed since the writer was made.
    stale: bool,
    /// The JSON of one value.
    scratch: Vec<u8>,
}

impl Rows {
    /// For snapshots: every document is an insert.
    pub fn inserts(shape: Shape) -> Self {
        Self::new(shape, false)
    }

    /// For change streams.
    pub fn changes(shape: Shape) -> Self {
        Self::new(shape, true)
    }

    fn new(shape: Shape, changes: bool) -> Self {
        let writer = writer(&shape, changes);
        Self { shape, writer, changes, stale: false, scratch: Vec::new() }
    }

    /// What was seen so far.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Rows since the last [`Rows::finish`].
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// Whether there is nothing to finish.
    pub fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// About how many bytes they have.
    pub fn bytes(&self) -> u64 {
        self.writer.bytes()
    }

    /// Takes note of a document that will be pushed later with this operation, so that the table need
    /// not change in the middle of a batch. True when it changes now; rows so far are then to be
    /// finished first.
    ///
    /// # Errors
    /// As [`Shape::observe`].
    pub fn observe(
        &mut self,
        operation: Operation,
        document: &RawDocument,
    ) -> Result<bool, Failure> {
        let grew = match (operation, document.get(ID)) {
            (Operation::Delete, Ok(Some(id))) => self.shape.observe_id(id),
            (Operation::Delete, _) => Ok(false),
            _ => self.shape.observe(document),
        };
        self.stale |= !matches!(grew, Ok(false));
        grew
    }

    /// Appends documents as one batch of one table, and returns the letters of those that no row can
    /// hold. There must be no rows yet.
    ///
    /// Nearly always the table holds them all, so they are read only once for it. Else the rows are
    /// made again when all documents were observed.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub fn push_all<'d>(
        &mut self,
        changes: impl Iterator<Item = Change<'d>> + Clone,
    ) -> Result<Vec<DeadLetter>, Failure> {
        if let Some(letters) = self.try_push_all(changes.clone())? {
            return Ok(letters);
        }
        self.writer = writer(&self.shape, self.changes);
        for Change { operation, document, .. } in changes.clone() {
            self.observe(operation, document)?;
        }
        self.try_push_all(changes)?.ok_or_else(|| self.unsettled())
    }

    /// The same, as long as the table stays as it is; none when it does not.
    fn try_push_all<'d>(
        &mut self,
        changes: impl Iterator<Item = Change<'d>>,
    ) -> Result<Option<Vec<DeadLetter>>, Failure> {
        let mut letters = Vec::new();
        for Change { operation, document, at } in changes {
            match self.push(operation, document, at)? {
                Pushed::Row => {}
                Pushed::Rejected(letter) => letters.push(letter),
                Pushed::Reshaped => return Ok(None),
            }
        }
        Ok(Some(letters))
    }

    /// Appends a document; of a deleted one only `_id` is read. `at` is the commit time in
    /// microseconds since 1970.
    ///
    /// # Errors
    /// `config` when the table cannot become one that holds the document, see [`Shape::observe`].
    pub fn push(
        &mut self,
        operation: Operation,
        document: &RawDocument,
        at: Option<i64>,
    ) -> Result<Pushed, Failure> {
        if self.stale && !self.writer.is_empty() {
            return Ok(Pushed::Reshaped);
        }
        // A second time when the shape has learnt what was missing.
        for _ in 0..2 {
            self.renew();
            match self.write(operation, document, at) {
                Ok(()) => return Ok(Pushed::Row),
                Err(Miss::Rejected(why)) => return Ok(self.reject(operation, document, &why)),
                Err(Miss::Unseen) => {}
            }
            if self.observe(operation, document)? && !self.writer.is_empty() {
                return Ok(Pushed::Reshaped);
            }
        }
        Err(self.unsettled())
    }

    /// Says that the collection was emptied or dropped.
    pub fn truncate(&mut self, at: Option<i64>) {
        commit(self.writer.row(Operation::Truncate), at);
    }

    /// Takes the rows so far. The next ones have the shape's table of now.
    ///
    /// # Errors
    /// As [`TableWriter::finish`].
    pub fn finish(&mut self) -> Result<TableRows, Failure> {
        let rows = self.writer.finish();
        self.renew();
        if self.scratch.capacity() > SCRATCH_BYTES_MAX {
            self.scratch = Vec::new();
        }
        rows
    }

    /// A writer of the present table, if the one there is has no rows.
    fn renew(&mut self) {
        if self.stale && self.writer.is_empty() {
            self.writer = writer(&self.shape, self.changes);
            self.stale = false;
        }
    }

    fn unsettled(&self) -> Failure {
        Failure::stop(
            "shape",
            format!(
                "a document of collection {} does not fit the table made for it",
                self.shape.collection()
            ),
        )
    }

    fn reject(&self, operation: Operation, document: &RawDocument, why: &Rejection) -> Pushed {
        Pushed::Rejected(letter::of(&self.shape, document, why).operation(operation))
    }

    fn write(
        &mut self,
        operation: Operation,
        document: &RawDocument,
        at: Option<i64>,
    ) -> Result<(), Miss> {
        let row = self.writer.row(operation);
        let row = row::write(row, operation, document, &mut self.shape, &mut self.scratch)?;
        commit(row, at);
        Ok(())
    }
}

fn writer(shape: &Shape, changes: bool) -> TableWriter {
    let table = shape.table();
    if changes { TableWriter::changes(&table) } else { TableWriter::inserts(&table) }
}

fn commit(row: RowBuilder<'_>, at: Option<i64>) {
    match at {
        Some(at) => row.at(at).commit(),
        None => row.commit(),
    }
}

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

    /// Takes note of a document that will be pushed later, so that the table need not change in the
    /// middle of a batch. True when it changes now; rows so far are then to be finished first.
    ///
    /// # Errors
    /// As [`Shape::observe`].
    pub fn observe(&mut self, document: &RawDocument) -> Result<bool, Failure> {
        let grew = self.shape.observe(document);
        self.stale |= !matches!(grew, Ok(false));
        grew
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
        self.renew();
        match self.write(operation, document, at) {
            Ok(()) => return Ok(Pushed::Row),
            Err(Miss::Rejected(why)) => return Ok(self.reject(operation, document, &why)),
            Err(Miss::Unseen) => {}
        }
        let known = match operation {
            Operation::Delete => self.observe_id_of(document)?,
            _ => self.observe(document)?,
        };
        if known && !self.writer.is_empty() {
            return Ok(Pushed::Reshaped);
        }
        self.renew();
        match self.write(operation, document, at) {
            Ok(()) => Ok(Pushed::Row),
            Err(Miss::Rejected(why)) => Ok(self.reject(operation, document, &why)),
            Err(Miss::Unseen) => Err(Failure::stop(
                "shape",
                format!(
                    "a document of collection {} does not fit the table made for it",
                    self.shape.collection()
                ),
            )),
        }
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

    fn observe_id_of(&mut self, document: &RawDocument) -> Result<bool, Failure> {
        let Ok(Some(id)) = document.get(ID) else { return Ok(false) };
        let grew = self.shape.observe_id(id)?;
        self.stale |= grew;
        Ok(grew)
    }

    /// A writer of the present table, if the one there is has no rows.
    fn renew(&mut self) {
        if self.stale && self.writer.is_empty() {
            self.writer = writer(&self.shape, self.changes);
            self.stale = false;
        }
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

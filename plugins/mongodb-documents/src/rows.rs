//! Documents to rows of their collection's table.
//!
//! The hot path: a document's raw elements are read once, each goes straight into its column, and
//! JSON is written from the raw bytes. A document that the table cannot hold yet makes the shape
//! grow; nothing is ever left out.

use bson::{RawBsonRef, RawDocument};
use cartridge_warp_sdk::{
    ColumnType, DeadLetter, Failure, Operation, RowBuilder, TableRows, TableWriter, Value,
    ValueError,
};

use crate::json::{self, Style};
use crate::key::ID;
use crate::kinds::Kinds;
use crate::letter;
use crate::mode::{FLATTENED_LEVELS_MAX, Mode};
use crate::rejection::Rejection;
use crate::scalar::{micros, write_text};
use crate::shape::{ROOT, Shape, flattened};

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

/// Why a document became no row.
enum Miss {
    /// The shape has not seen such a value yet.
    Unseen,
    Rejected(Rejection),
}

impl From<Rejection> for Miss {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<bson::error::Error> for Miss {
    fn from(error: bson::error::Error) -> Self {
        Self::Rejected(error.into())
    }
}

impl From<ValueError> for Miss {
    fn from(error: ValueError) -> Self {
        Self::Rejected(Rejection::new(ValueError::CODE, error.to_string()))
    }
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
        let number = self.shape.begin_row();
        let row = self.writer.row(operation);
        let mut target = Target { row, number, shape: &mut self.shape, scratch: &mut self.scratch };
        let has_id = match (operation, target.shape.mode()) {
            (Operation::Delete, _) => target.write_id_of(document)?,
            (_, Mode::Document) => {
                let has_id = target.write_id_of(document)?;
                target.write_document(document)?;
                has_id
            }
            (_, Mode::Columns { max_depth }) => {
                target.write_fields(document, ROOT, max_depth.min(FLATTENED_LEVELS_MAX))?
            }
        };
        if !has_id {
            return Err(Rejection::new("no-id", "the document has no _id").into());
        }
        commit(target.row, at);
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

/// A row under construction.
struct Target<'r> {
    row: RowBuilder<'r>,
    /// Tells this row's fields from those of rows before.
    number: u64,
    shape: &'r mut Shape,
    scratch: &'r mut Vec<u8>,
}

impl Target<'_> {
    /// Writes the fields of a document and, of the outermost, `_id`; true when there was one.
    fn write_fields(
        &mut self,
        document: &RawDocument,
        level: usize,
        levels: u32,
    ) -> Result<bool, Miss> {
        let (mut cursor, mut has_id) = (0, false);
        for element in document.iter_elements() {
            let element = element?;
            let name = element.key().as_str();
            let value = element.value().map_err(|error| Rejection::at(name, error))?;
            if level == ROOT && name == ID {
                if has_id {
                    return Err(Rejection::duplicate(ID).into());
                }
                self.write_id(value)?;
                has_id = true;
                continue;
            }
            let Some(at) = self.shape.find(level, &mut cursor, name) else {
                if Kinds::of(&value).is_empty() {
                    continue;
                }
                return Err(Miss::Unseen);
            };
            let field = self.shape.field(at);
            if field.row == self.number {
                return Err(Rejection::duplicate(name).into());
            }
            field.row = self.number;
            if let Some(document) = flattened(&value, levels) {
                let inner = field.inner.ok_or(Miss::Unseen)?;
                self.write_fields(document, inner, levels - 1)?;
            } else {
                self.write_field(at, &value)?;
            }
        }
        Ok(has_id)
    }

    #[inline]
    fn write_field(&mut self, at: usize, value: &RawBsonRef<'_>) -> Result<(), Miss> {
        let Self { row, shape, scratch, .. } = self;
        let field = shape.field(at);
        let kind = Kinds::of(value);
        if kind.is_empty() {
            return Ok(());
        }
        if !field.seen.has(kind, value) {
            return Err(Miss::Unseen);
        }
        scratch.clear();
        let value = match (&field.column_type, *value) {
            (ColumnType::Json, value) => {
                json::write_column(scratch, value)?;
                Value::Json(text(scratch)?.into())
            }
            (ColumnType::String, RawBsonRef::String(text)) => Value::Str(text),
            (ColumnType::String, value) => {
                write_text(scratch, value)?;
                Value::Str(text(scratch)?)
            }
            (_, RawBsonRef::Int32(number)) => Value::from(number),
            (_, RawBsonRef::Int64(number)) => Value::from(number),
            (_, RawBsonRef::Double(number)) => Value::from(number),
            (_, RawBsonRef::Boolean(value)) => Value::from(value),
            (_, RawBsonRef::DateTime(moment)) => Value::TimestampTz(micros(moment)?),
            (_, RawBsonRef::Binary(binary)) => Value::Bytes(binary.bytes),
            // Every other kind makes its column one of JSON or text.
            _ => return Err(Miss::Unseen),
        };
        Ok(row.set(field.place, value)?)
    }

    fn write_id(&mut self, id: RawBsonRef<'_>) -> Result<(), Miss> {
        let value = self.shape.key().value(id)?.ok_or(Miss::Unseen)?;
        Ok(value.set(&mut self.row, 0)?)
    }

    fn write_id_of(&mut self, document: &RawDocument) -> Result<bool, Miss> {
        let mut has_id = false;
        for element in document.iter_elements() {
            let element = element?;
            if element.key().as_str() == ID {
                if has_id {
                    return Err(Rejection::duplicate(ID).into());
                }
                self.write_id(element.value()?)?;
                has_id = true;
            }
        }
        Ok(has_id)
    }

    fn write_document(&mut self, document: &RawDocument) -> Result<(), Miss> {
        self.scratch.clear();
        json::write(self.scratch, RawBsonRef::Document(document), Style::Relaxed)?;
        Ok(self.row.set(1, Value::Json(text(self.scratch)?.into()))?)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Rejection> {
    str::from_utf8(bytes).map_err(|_| Rejection::new("invalid-utf8", "text is not UTF-8"))
}

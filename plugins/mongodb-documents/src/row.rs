//! One document to one row.
//!
//! The hot path: a document's raw elements are read once, each goes straight into its column, and
//! JSON is written from the raw bytes.

use bson::{RawBsonRef, RawDocument};
use cartridge_warp_sdk::{ColumnType, Operation, RowBuilder, Value, ValueError};

use crate::json::{self, Style};
use crate::key::ID;
use crate::kinds::Kinds;
use crate::mode::{FLATTENED_LEVELS_MAX, Mode};
use crate::rejection::Rejection;
use crate::scalar::{micros, write_text};
use crate::shape::{ROOT, Shape, flattened};

/// Why a document became no row.
pub(crate) enum Miss {
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

/// Fills a row; one that could not be filled is gone.
pub(crate) fn write<'r>(
    row: RowBuilder<'r>,
    operation: Operation,
    document: &RawDocument,
    shape: &'r mut Shape,
    scratch: &'r mut Vec<u8>,
) -> Result<RowBuilder<'r>, Miss> {
    let number = shape.begin_row();
    let mut target = Target { row, number, shape, scratch };
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
    Ok(target.row)
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

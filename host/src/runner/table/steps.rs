//! What happens to the columns of one schema, batch by batch: arrays are picked and, where the rules say
//! so, replaced.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, RecordBatch, builder::BinaryBuilder, cast::AsArray, new_null_array,
};
use arrow_schema::{ArrowError, Field, FieldRef, Schema, SchemaRef};

use super::{added::added, masked::masked};
use crate::{
    config::{HashKey, Mask},
    model::{
        AddedValue, ColumnType,
        batch::{UNCHANGED_COLUMN, is_reserved},
    },
    schema::{Converted, convert, fit},
};

/// What happens to the columns of one schema.
#[derive(Clone, Debug)]
pub struct Steps {
    schema: SchemaRef,
    /// Where the values of each column come from.
    picks: Vec<Pick>,
    /// Nothing happens at all.
    identity: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// Index into the arriving columns, and what happens to the values.
    Column(usize, Step),
    /// The source does not have it.
    Added(AddedValue),
    /// The rows are whole, so what they lack is null.
    Lacking,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Keep,
    Mask {
        mask: Mask,
        from: FieldRef,
        key: Option<HashKey>,
    },
    /// The table's column is wider than the one that arrived.
    Fit(FieldRef),
    /// From the column that arrived, by that of the table, to the type that the operator wants.
    Convert {
        from: FieldRef,
        known: FieldRef,
        to: ColumnType,
    },
}

/// Rows in their new form.
pub struct Shaped {
    pub rows: RecordBatch,
    /// Values that have no place in the type that their column was given.
    pub refused: Vec<Refused>,
}

/// Such a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub row: usize,
    /// The column's name at the source.
    pub column: String,
    pub to: ColumnType,
}

impl Steps {
    pub fn new(arrived: &Schema, fields: Vec<FieldRef>, picks: Vec<Pick>) -> Self {
        let identity = fields.iter().eq(arrived.fields().iter())
            && picks.iter().all(|pick| matches!(pick, Pick::Column(_, Step::Keep)));
        let schema = Arc::new(Schema::new_with_metadata(fields, arrived.metadata().clone()));
        Self { schema, picks, identity }
    }

    /// The schema of the shaped rows, reserved columns included.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// True when rows may go as they are.
    pub fn is_identity(&self) -> bool {
        self.identity
    }

    /// The same, and these columns without values at the end.
    pub fn with_nulls(mut self, lacking: impl Iterator<Item = Field>) -> Self {
        let mut fields = self.schema.fields().to_vec();
        for field in lacking {
            fields.push(Arc::new(field));
            self.picks.push(Pick::Lacking);
            self.identity = false;
        }
        self.schema = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        self
    }

    /// Shapes rows of the schema that the steps were made for.
    pub fn apply(&self, rows: &RecordBatch) -> Result<Shaped, ArrowError> {
        let mut columns = Vec::with_capacity(self.picks.len());
        let mut refused = Vec::new();
        for (field, pick) in self.schema.fields().iter().zip(&self.picks) {
            columns.push(match pick {
                Pick::Column(index, step) => {
                    self.step(rows, rows.column(*index), field, step, &mut refused)?
                }
                Pick::Added(value) => added(value, rows),
                Pick::Lacking => new_null_array(field.data_type(), rows.num_rows()),
            });
        }
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        Ok(Shaped { rows, refused })
    }

    fn step(
        &self,
        rows: &RecordBatch,
        values: &ArrayRef,
        field: &Field,
        step: &Step,
        refused: &mut Vec<Refused>,
    ) -> Result<ArrayRef, ArrowError> {
        match step {
            Step::Keep if field.name() == UNCHANGED_COLUMN => self.unchanged(rows, values),
            Step::Keep => Ok(Arc::clone(values)),
            Step::Mask { mask, from, key } => masked(*mask, values, from, key.as_ref()),
            Step::Fit(from) => fit(values, from, field),
            Step::Convert { from, known, to } => {
                let known_values = fit(values, from, known)?;
                let Converted { values, refused: rows } = convert(&known_values, known, *to)?;
                let at = |row| Refused { row, column: from.name().clone(), to: *to };
                refused.extend(rows.into_iter().map(at));
                Ok(values)
            }
        }
    }

    /// The bitmap counts data columns, so it follows them to their new places.
    fn unchanged(&self, rows: &RecordBatch, bits: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let Some(bits) = bits.as_binary_opt::<i32>() else {
            return Err(ArrowError::SchemaError(format!("`{UNCHANGED_COLUMN}` is not binary")));
        };
        let schema = rows.schema_ref();
        let mut ordinals = vec![None; schema.fields().len()];
        let data = schema.fields().iter().enumerate().filter(|(_, f)| !is_reserved(f.name()));
        for (ordinal, (index, _)) in data.enumerate() {
            ordinals[index] = Some(ordinal);
        }
        let place = |pick: &Pick| match pick {
            Pick::Lacking | Pick::Added(_) => Some(None),
            Pick::Column(index, _) => ordinals.get(*index).copied().flatten().map(Some),
        };
        let kept: Vec<Option<usize>> = self.picks.iter().filter_map(place).collect();
        Ok(Arc::new(moved_bits(bits, &kept)))
    }
}

/// `kept` has the old place of each column; none where it had none and no bit.
fn moved_bits(bits: &BinaryArray, kept: &[Option<usize>]) -> BinaryArray {
    let mut moved = BinaryBuilder::new();
    for row in bits {
        let Some(row) = row else {
            moved.append_null();
            continue;
        };
        let mut out = vec![0_u8; kept.len().div_ceil(8)];
        for (to, from) in kept.iter().enumerate() {
            let Some(from) = from else { continue };
            if row.get(from / 8).is_some_and(|byte| byte & (1 << (from % 8)) != 0) {
                out[to / 8] |= 1 << (to % 8);
            }
        }
        moved.append_value(&out);
    }
    moved.finish()
}

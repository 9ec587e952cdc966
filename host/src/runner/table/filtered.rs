//! Which rows of a table the destination has (`where`).
//!
//! A row that does not fulfil the condition is none at the destination, whatever it was before, so its change
//! becomes a delete of its key, which carries nothing else: no value of such a row gets there. Invariant: no
//! row is let through, or kept away, by a guess. One of which the source did not send what the condition asks
//! about is a dead letter (I5).

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, RecordBatch, UInt8Array, cast::AsArray, types::UInt8Type,
};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::{filter::filter_record_batch, nullif::nullif};

use super::{
    Table,
    refused::{Reason, letters},
    unencodable,
};
use crate::{
    model::{
        Condition, DeadLetter, Operation, TableBatch,
        batch::{OP_COLUMN, TS_COLUMN},
    },
    plugin::{encode_batch, table_schema},
    runner::error::RunError,
    schema::{Filter, Lacking, Truth},
};

/// What becomes of a row that the condition does not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// It may be at the destination, and has to go.
    Deleted,
    /// It is not at the destination, or is looked for and not found.
    LeftOut,
}

/// The condition for batches of one schema.
#[derive(Debug)]
pub struct Known {
    schema_id: String,
    filter: Filter,
}

/// The rows that go on, and those of which nobody can say whether they do.
pub struct Filtered {
    pub batch: TableBatch,
    pub letters: Vec<DeadLetter>,
}

/// Why a dead letter does not show its row.
pub const WITHHELD: &str =
    "(withheld: whether the table's `where` lets this row through is not known)";

impl Table {
    /// What becomes of rows that the condition does not let through. Of a copy nothing has to go where no
    /// older row of the key can have come by the same copy.
    pub fn outside(&self, is_copied: bool) -> Outside {
        let is_first = is_copied && self.promises.disjoint_chunks;
        if is_first || self.source.key.is_empty() { Outside::LeftOut } else { Outside::Deleted }
    }

    /// The rows that the destination is to have.
    pub(super) fn filtered(
        &mut self,
        batch: TableBatch,
        outside: Outside,
    ) -> Result<Filtered, RunError> {
        let Some(condition) = self.settings.where_clause.clone() else {
            return Ok(Filtered { batch, letters: Vec::new() });
        };
        let failed = |cause| unencodable(&batch.table, cause);
        let lacking = if self.promises.whole_rows { Lacking::Null } else { Lacking::Unsent };
        let truths = self.filter(&condition, &batch)?.truths(&batch.columns, lacking);
        let truths = truths.map_err(failed)?;
        let present = batch.present();
        let is_present = |row: usize| present.as_ref().is_none_or(|present| present.value(row));
        let of = |wanted: fn(Truth) -> bool| -> BooleanArray {
            let rows = truths.iter().enumerate();
            rows.map(|(row, truth)| Some(is_present(row) && wanted(*truth))).collect()
        };
        let open = of(|truth| truth == Truth::Unsent);
        let letters = self.undecided(&batch, &open)?;
        let gone = of(|truth| matches!(truth, Truth::No | Truth::Unknown));
        let is_left_out = |row| open.value(row) || outside == Outside::LeftOut && gone.value(row);
        let stays: BooleanArray =
            (0..batch.row_count()).map(|row| Some(!is_left_out(row))).collect();
        let is_deleted = outside == Outside::Deleted && gone.true_count() > 0;
        if !is_deleted && stays.false_count() == 0 {
            return Ok(Filtered { batch, letters });
        }
        let rows = if is_deleted {
            self.deleted(&batch.columns, &gone).map_err(failed)?
        } else {
            batch.columns.clone()
        };
        let rows = filter_record_batch(&rows, &stays).map_err(failed)?;
        let schema =
            table_schema(rows.schema()).map_err(|cause| unencodable(&batch.table, cause))?;
        let batch = encode_batch(&batch.table, &schema, rows)
            .map_err(|cause| unencodable(&batch.table, cause))?;
        Ok(Filtered { batch, letters })
    }

    /// The condition for batches of this schema.
    fn filter(&mut self, condition: &Condition, batch: &TableBatch) -> Result<&Filter, RunError> {
        let known = match self.filter.take() {
            Some(known) if known.schema_id == batch.schema.id => known,
            _ => self.known_filter(condition, batch)?,
        };
        Ok(&self.filter.insert(known).filter)
    }

    fn known_filter(&self, condition: &Condition, batch: &TableBatch) -> Result<Known, RunError> {
        let arrived = &batch.schema.arrow;
        // A column that was left out of the destination's is not among the known ones.
        let field = |name: &str| {
            let known = self.source.schema.fields().find(name);
            known.or_else(|| arrived.fields().find(name)).map(|(_, field)| Arc::clone(field))
        };
        // Whether rows need a column that they come without is seen by the rows.
        let filter = Filter::new(condition, &field, true).map_err(|misfit| {
            let (what, help) = self.misfit(&misfit);
            self.unfit(&what, help)
        })?;
        Ok(Known { schema_id: batch.schema.id.clone(), filter })
    }

    /// Dead letters of rows whose values of the condition's columns were not sent.
    fn undecided(
        &self,
        batch: &TableBatch,
        open: &BooleanArray,
    ) -> Result<Vec<DeadLetter>, RunError> {
        if open.true_count() == 0 {
            return Ok(Vec::new());
        }
        let schema = batch.columns.schema_ref();
        let known = self.filter.iter().flat_map(|known| known.filter.columns());
        if let Some(lacks) = known.into_iter().find(|name| schema.field_with_name(name).is_err()) {
            let what =
                format!(": its rows come without column `{lacks}`, which `where` asks about");
            return Err(self.unfit(&what, "change `where`, or have the source send the column"));
        }
        let reason =
            "whether `where` lets it through depends on a value that the source did not send";
        let rows = (0..batch.row_count()).filter(|row| open.value(*row));
        let rows: BTreeMap<usize, String> = rows.map(|row| (row, reason.to_owned())).collect();
        let why = Reason { code: "where-undecided", origin: "where", payload: Some(WITHHELD) };
        letters(batch, rows, &why, &self.source.key)
            .map_err(|cause| unencodable(&batch.table, cause))
    }

    /// Rows some of which become deletes of their keys.
    fn deleted(
        &self,
        rows: &RecordBatch,
        gone: &BooleanArray,
    ) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let schema = rows.schema_ref();
        let before = rows.column_by_name(OP_COLUMN);
        let before = before.and_then(|column| column.as_primitive_opt::<UInt8Type>());
        let operation = |row: usize| match (before, gone.value(row)) {
            (_, true) => Operation::Delete as u8,
            (Some(before), false) => before.value(row),
            (None, false) => Operation::Insert as u8,
        };
        let operations: UInt8Array = (0..rows.num_rows()).map(operation).collect::<Vec<_>>().into();
        let mut fields = vec![Arc::new(Field::new(OP_COLUMN, DataType::UInt8, false))];
        let mut columns: Vec<ArrayRef> = vec![Arc::new(operations)];
        for (field, values) in schema.fields().iter().zip(rows.columns()) {
            let name = field.name();
            if name == OP_COLUMN {
                continue;
            }
            let stays = name == TS_COLUMN || self.source.key.contains(name);
            columns.push(if stays { Arc::clone(values) } else { nullif(values, gone)? });
            fields.push(Arc::clone(field));
        }
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        RecordBatch::try_new(Arc::new(schema), columns)
    }
}

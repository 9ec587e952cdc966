//! A table as both sides are compared: the columns, and how a row becomes a number.

use std::{collections::HashSet, sync::Arc};

use arrow_array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{ArrowError, FieldRef, Schema};

use crate::{
    model::{TableBatch, TablePlan, TableShape},
    runner::{
        error::RunError,
        table::{KeyTexts, Outside, Table, Taken, unencodable},
    },
    schema::{Hashed, RowHasher, fit},
};

/// What is compared.
#[derive(Clone)]
pub struct View {
    /// The columns, the key in front.
    pub plan: TablePlan,
    hasher: RowHasher,
}

/// Some rows of either side.
pub struct Rows {
    /// One for each.
    pub hashed: Vec<Hashed>,
    /// Their values, with the view's columns.
    pub columns: RecordBatch,
}

/// Rows of the source in the form that the destination should have them in.
pub struct Shaped {
    pub parts: Vec<Rows>,
    /// The keys, as dead letters say them, of rows that have no such form: dead letters of a run.
    pub refused: Vec<Option<String>>,
}

impl View {
    pub fn new(plan: TablePlan, secret: [u8; 32]) -> Self {
        Self { plan, hasher: RowHasher::new(secret) }
    }

    /// Leaves columns out that the destination does not read back; their names.
    pub fn retain(&mut self, read: &RecordBatch) -> Vec<String> {
        let (kept, lacking): (Vec<FieldRef>, Vec<FieldRef>) = self
            .plan
            .schema
            .fields()
            .iter()
            .cloned()
            .partition(|field| read.column_by_name(field.name()).is_some());
        let metadata = self.plan.schema.metadata().clone();
        self.plan.schema = Arc::new(Schema::new_with_metadata(kept, metadata));
        lacking.iter().map(|field| field.name().clone()).collect()
    }

    /// Rows of the destination; none where they lack a column that others had.
    pub fn kept(&self, rows: &RecordBatch) -> Result<Option<Rows>, RunError> {
        let mut columns = self.plan.schema.fields().iter();
        let is_whole = columns.all(|field| rows.column_by_name(field.name()).is_some());
        is_whole.then(|| self.rows(rows)).transpose()
    }

    fn rows(&self, rows: &RecordBatch) -> Result<Rows, RunError> {
        let failed = |cause| unencodable(&self.plan.name, cause);
        let columns = self.columns(rows).map_err(failed)?;
        let hashed = self.hasher.rows(&columns, self.plan.key.len()).map_err(failed)?;
        Ok(Rows { hashed, columns })
    }

    /// The hashes of keys that stand alone; none for one that has a value which its column does not.
    pub fn keys(&self, table: &Table, keys: &[&KeyTexts]) -> Result<Vec<Option<u128>>, RunError> {
        let keys = table.kept_key_rows(&self.plan, keys)?.columns;
        let is_whole = |row: usize| keys.columns().iter().all(|values| values.is_valid(row));
        let hashed = self.rows(&keys)?.hashed;
        Ok((0..).zip(hashed).map(|(row, it)| is_whole(row).then_some(it.key)).collect())
    }

    /// The hash of a key as a dead letter says it; none where no row of the table has it.
    pub fn said(&self, table: &Table, said: Option<&str>) -> Result<Option<u128>, RunError> {
        let Some(texts) = said.and_then(|said| table.read_key(said)) else { return Ok(None) };
        Ok(self.keys(table, &[&texts])?.pop().flatten())
    }

    /// Rows that the source has, as far as the destination should have them; none where they bring a change of
    /// the table's shape.
    pub fn shaped(&self, table: &mut Table, batch: TableBatch) -> Result<Option<Shaped>, RunError> {
        self.shaped_as(table, batch, Outside::LeftOut)
    }

    /// The same of changes, whatever they make of their rows.
    pub fn changed(
        &self,
        table: &mut Table,
        batch: TableBatch,
    ) -> Result<Option<Shaped>, RunError> {
        self.shaped_as(table, batch, Outside::Deleted)
    }

    fn shaped_as(
        &self,
        table: &mut Table,
        batch: TableBatch,
        outside: Outside,
    ) -> Result<Option<Shaped>, RunError> {
        if !table.news(&batch.schema).is_empty() {
            return Ok(None);
        }
        let Taken { batches, letters } = table.shape_as(batch, outside)?;
        let parts = batches.into_iter().map(|batch| self.rows(&batch.columns));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let said = |key: Option<String>| key.and_then(|key| table.redact_key(&key));
        let refused = letters.into_iter().map(|letter| said(letter.key)).collect();
        Ok(Some(Shaped { parts, refused }))
    }

    /// The compared columns of some rows. One that a row of the source came without is null at the destination.
    fn columns(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = rows.schema_ref();
        let columns = self.plan.schema.fields().iter().map(|field| {
            match schema.fields().find(field.name()) {
                None => Ok(new_null_array(field.data_type(), rows.num_rows())),
                Some((at, own)) if own.data_type() == field.data_type() => {
                    Ok(Arc::clone(rows.column(at)))
                }
                Some((at, own)) => fit(rows.column(at), own, field),
            }
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.plan.schema), columns)
    }
}

/// Keys as each side is asked for them.
pub struct Keys {
    pub source: TableBatch,
    pub destination: TableBatch,
    /// Their hashes.
    pub hashes: HashSet<u128>,
}

impl Keys {
    /// Of rows of the destination; or which of them are no keys of the source's columns.
    pub fn of(
        view: &View,
        table: &Table,
        described: &TableShape,
        keys: &[&KeyTexts],
    ) -> Result<Result<Self, Vec<usize>>, RunError> {
        let (source, unreadable) = table.key_rows(described, keys, None)?;
        if !unreadable.is_empty() {
            return Ok(Err(unreadable));
        }
        let destination = table.kept_key_rows(&view.plan, keys)?;
        let hashes = view.rows(&destination.columns)?.hashed;
        let hashes = hashes.into_iter().map(|hashed| hashed.key).collect();
        Ok(Ok(Self { source, destination, hashes }))
    }
}

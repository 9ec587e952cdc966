//! Rows of a table on their way back, with the types of the plan.

use super::table::{KeptColumn, Table};
use super::vendor::{Vendor, find};
use crate::{
    ColumnType, DeadLetter, Failure, LookedUp, Operation, ReadBatch, RowBuilder, TablePlan,
    TableRows, TableWriter, ValueError, WriteMode, key_text, unread,
};

/// Collects the rows of one answer.
pub struct Reading {
    /// How the table is kept.
    pub table: Table,
    key: Vec<String>,
    writer: TableWriter,
    rejected: Vec<DeadLetter>,
}

impl Reading {
    /// Looks up how the table of a plan is kept. Lists are left out: databases have no form of their own for each.
    ///
    /// # Errors
    /// [`NO_READ`](crate::NO_READ) for a log, a table that the connector never made, and one without the plan's key.
    pub fn of<V: Vendor>(vendor: &V, plan: &TablePlan) -> Result<Self, V::Error> {
        let refused = |why: &str| unread(&plan.name, why);
        if plan.write_mode == WriteMode::Append {
            return Err(refused("it is a log").into());
        }
        let table = find(vendor, &plan.name)?;
        let table = table.ok_or_else(|| refused("it was not made by this connector"))?;
        let mut shape = crate::Table::new(&plan.name);
        let is_list = |kind: &ColumnType| matches!(kind, ColumnType::Array(_));
        let columns = plan
            .columns
            .iter()
            .filter(|column| !is_list(&column.column_type) && table.column(&column.name).is_some());
        shape.columns = columns.cloned().collect();
        if let Some(lacking) = plan.key.iter().find(|key| shape.index_of(key).is_none()) {
            let why = format!("column {lacking} of its key is not there, or has lists");
            return Err(refused(&why).into());
        }
        let writer = TableWriter::inserts(&shape);
        Ok(Self { table, key: plan.key.clone(), writer, rejected: Vec::new() })
    }

    /// The columns that are read, as they are kept, in the order in which [`Reading::take`] sets them.
    pub fn columns(&self) -> impl Iterator<Item = &KeptColumn> {
        let columns = self.writer.columns().iter();
        columns.filter_map(|column| self.table.column(&column.name))
    }

    /// Rows so far, those that cannot travel among them.
    pub fn len(&self) -> usize {
        self.writer.len() + self.rejected.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of them, about.
    pub fn bytes(&self) -> u64 {
        self.writer.bytes()
    }

    /// Takes a row; `set` sets one of its columns to what is stored. A row that has a value which is none of the
    /// plan's type is among the rejected.
    pub fn take(
        &mut self,
        mut set: impl FnMut(&mut RowBuilder<'_>, usize, &ColumnType) -> Result<(), ValueError>,
    ) {
        let columns: Vec<ColumnType> =
            self.writer.columns().iter().map(|column| column.column_type.clone()).collect();
        let mut row = self.writer.row(Operation::Insert);
        let mut values = columns.iter().enumerate();
        match values.try_for_each(|(at, kind)| set(&mut row, at, kind)) {
            Ok(()) => row.commit(),
            Err(error) => {
                drop(row);
                let key = self.key_of(&columns, set);
                let table = self.writer.table().to_owned();
                let words = error.to_string();
                let letter = DeadLetter::new(table, "type-conversion", words, "", "read back");
                self.rejected.push(DeadLetter { key, ..letter });
            }
        }
    }

    /// The key of a row that has another value which is none.
    fn key_of(
        &self,
        columns: &[ColumnType],
        mut set: impl FnMut(&mut RowBuilder<'_>, usize, &ColumnType) -> Result<(), ValueError>,
    ) -> Option<String> {
        let mut shape = crate::Table::new(self.writer.table());
        shape.columns = self.writer.columns().to_vec();
        let mut alone = TableWriter::inserts(&shape);
        let mut row = alone.row(Operation::Insert);
        for name in &self.key {
            let at = shape.index_of(name)?;
            set(&mut row, at, &columns[at]).ok()?;
        }
        row.commit();
        key_text(&alone.finish().ok()?, 0, &self.key)
    }

    /// The rows as one step through the table.
    ///
    /// # Errors
    /// As [`TableWriter::finish`].
    pub fn batch(self, passed_over: u64, next: Option<Vec<u8>>) -> Result<ReadBatch, Failure> {
        let (rows, rejected) = self.finish()?;
        Ok(ReadBatch { rows, rejected, passed_over, next_cursor: next })
    }

    /// The rows as what there is of keys, of which `absent` have none.
    ///
    /// # Errors
    /// As [`TableWriter::finish`].
    pub fn found(self, answered: usize, absent: Vec<usize>) -> Result<LookedUp, Failure> {
        let (rows, rejected) = self.finish()?;
        Ok(LookedUp { answered, rows, rejected, absent })
    }

    fn finish(mut self) -> Result<(Option<TableRows>, Vec<DeadLetter>), Failure> {
        let rows = if self.writer.is_empty() { None } else { Some(self.writer.finish()?) };
        Ok((rows, self.rejected))
    }
}

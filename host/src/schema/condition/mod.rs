//! Which rows a condition is true of.
//!
//! A condition (`model::condition`) is given the types of a table's columns, which finds what makes no sense,
//! and is then asked of batches, column by column. Values are compared in the types that the table has; a row
//! may come in narrower ones.
//!
//! Invariant: nothing is guessed. What a NULL leaves open is unknown, as in SQL, and what depends on a value
//! that did not come is said to.

mod binding;
mod cells;
mod constant;
mod evaluate;
mod misfit;
mod pattern;
#[cfg(test)]
mod tests;
mod truth;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, FieldRef};

use self::{
    binding::{Binder, Test},
    cells::Column,
    evaluate::evaluate,
};
pub use self::{evaluate::Lacking, misfit::Misfit, truth::Truth};
use crate::model::Condition;

/// A condition for the rows of one table.
#[derive(Clone, Debug)]
pub struct Filter {
    columns: Vec<Column>,
    test: Test,
}

impl Filter {
    /// Gives a condition the columns that a table has. With `may_lack` one that it does not have is one that
    /// nobody has seen yet, and that no row has a value of.
    pub fn new(
        condition: &Condition,
        field: &dyn Fn(&str) -> Option<FieldRef>,
        may_lack: bool,
    ) -> Result<Self, Misfit> {
        let mut binder = Binder { field, may_lack, columns: Vec::new() };
        let test = binder.bind(condition.expr())?;
        Ok(Self { columns: binder.columns, test })
    }

    /// The columns that it asks about.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Whether the condition is true of each row.
    pub fn truths(&self, rows: &RecordBatch, lacking: Lacking) -> Result<Vec<Truth>, ArrowError> {
        evaluate(&self.test, &self.columns, rows, lacking)
    }
}

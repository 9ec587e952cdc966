//! Applies the rows of one batch to one table.

use cartridge_warp_sdk::sql::{Fit, Table};
use cartridge_warp_sdk::{Failure, Operation, TableRows, WriteMode};
use rusqlite::{CachedStatement, Connection};

use crate::bind::{Cells, Parameters};
use crate::failure;
use crate::statement::{self, Extra, Sql};
use crate::text;

/// Statements that one batch holds; partial updates may need one per set of columns.
const SHAPES_MAX: usize = 16;

/// Why a row was not applied.
pub(crate) enum Refusal {
    /// The row is to blame.
    Row { code: String, message: String },
    /// Nothing of the batch can be written.
    Batch(Failure),
}

/// What a row needs of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Append,
    /// An insert or update; the places of the columns it leaves alone.
    Upsert {
        kept: Vec<usize>,
    },
    Delete,
    Truncate,
}

struct Prepared<'c> {
    shape: Shape,
    statement: CachedStatement<'c>,
    /// Places of the columns to bind.
    columns: Vec<usize>,
    extras: Vec<Extra>,
}

/// The rows, the table and the statements between them.
pub(crate) struct Applier<'a> {
    connection: &'a Connection,
    table: &'a Table,
    rows: &'a TableRows,
    cells: Vec<Cells<'a>>,
    /// Places of the key columns.
    key: Vec<usize>,
    may_be_unchanged: bool,
    now: &'a str,
    scratch: String,
    /// The last used one stands last.
    prepared: Vec<Prepared<'a>>,
}

impl<'a> Applier<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        table: &'a Table,
        rows: &'a TableRows,
        fit: Fit<'_>,
        now: &'a str,
    ) -> Self {
        let cells = (0..rows.columns().len()).map(|column| Cells::of(rows, column)).collect();
        Self {
            connection,
            table,
            rows,
            cells,
            key: fit.key,
            may_be_unchanged: rows.may_be_unchanged(),
            now,
            scratch: String::new(),
            prepared: Vec::new(),
        }
    }

    /// Applies one row.
    pub(crate) fn apply(&mut self, row: usize) -> Result<(), Refusal> {
        let operation = self.rows.op(row);
        let shape = self.shape(operation, row);
        if matches!(shape, Shape::Upsert { .. } | Shape::Delete) {
            self.check_key(row)?;
        }
        self.prepare(shape).map_err(|error| Refusal::Batch(failure::of(&error)))?;
        self.execute(row, operation).map_err(|error| match failure::blames_row(&error) {
            Some(code) => Refusal::Row { code: code.to_owned(), message: failure::words(&error) },
            None => Refusal::Batch(failure::of(&error)),
        })
    }

    fn shape(&self, operation: Operation, row: usize) -> Shape {
        match (self.table.write_mode, operation) {
            (WriteMode::Append, _) => Shape::Append,
            (WriteMode::Upsert, Operation::Delete) => Shape::Delete,
            (WriteMode::Upsert, Operation::Truncate) => Shape::Truncate,
            (WriteMode::Upsert, _) if !self.may_be_unchanged => Shape::Upsert { kept: Vec::new() },
            (WriteMode::Upsert, _) => {
                let places = 0..self.cells.len();
                Shape::Upsert { kept: places.filter(|c| self.rows.is_unchanged(row, *c)).collect() }
            }
        }
    }

    /// A row id that is NULL would be made up by SQLite, so the key is looked at here.
    fn check_key(&self, row: usize) -> Result<(), Refusal> {
        match self.key.iter().find(|place| {
            self.cells[**place].is_null(row)
                || self.may_be_unchanged && self.rows.is_unchanged(row, **place)
        }) {
            None => Ok(()),
            Some(place) => Err(Refusal::Row {
                code: "null-key".to_owned(),
                message: format!("key column {} has no value", self.rows.columns()[*place].name),
            }),
        }
    }

    /// Makes the statement for a shape the last one.
    fn prepare(&mut self, shape: Shape) -> rusqlite::Result<()> {
        if self.prepared.last().is_some_and(|last| last.shape == shape) {
            return Ok(());
        }
        if let Some(at) = self.prepared.iter().position(|prepared| prepared.shape == shape) {
            let found = self.prepared.remove(at);
            self.prepared.push(found);
            return Ok(());
        }
        if self.prepared.len() == SHAPES_MAX {
            self.prepared.remove(0);
        }
        let columns: Vec<usize> = match &shape {
            Shape::Append => (0..self.cells.len()).collect(),
            Shape::Upsert { kept } => (0..self.cells.len()).filter(|c| !kept.contains(c)).collect(),
            Shape::Delete => self.key.clone(),
            Shape::Truncate => Vec::new(),
        };
        let of_rows = self.rows.columns();
        let names: Vec<&str> = columns.iter().map(|at| of_rows[*at].name.as_str()).collect();
        let Sql { text, extras } = match &shape {
            Shape::Append => statement::append(self.table, &names),
            Shape::Upsert { .. } => statement::upsert(self.table, &names),
            Shape::Delete => statement::delete(self.table),
            Shape::Truncate => statement::truncate(self.table),
        };
        let statement = self.connection.prepare_cached(&text)?;
        self.prepared.push(Prepared { shape, statement, columns, extras });
        Ok(())
    }

    fn execute(&mut self, row: usize, operation: Operation) -> rusqlite::Result<()> {
        let Some(prepared) = self.prepared.last_mut() else { return Ok(()) };
        let mut parameters = Parameters::of(&mut prepared.statement);
        for column in &prepared.columns {
            self.cells[*column].bind(row, &mut parameters, &mut self.scratch)?;
        }
        for extra in &prepared.extras {
            match extra {
                Extra::Now => parameters.bind(self.now)?,
                Extra::Operation => parameters.bind(operation.as_str())?,
                Extra::Unchanged => parameters.bind(unchanged(self.rows, row))?,
                Extra::Timestamp => parameters.bind(timestamp(self.rows, row))?,
                Extra::TimestampOrNow => match timestamp(self.rows, row) {
                    Some(at) => parameters.bind(at)?,
                    None => parameters.bind(self.now)?,
                },
            }
        }
        prepared.statement.raw_execute()?;
        Ok(())
    }
}

fn timestamp(rows: &TableRows, row: usize) -> Option<String> {
    rows.timestamp(row).map(|micros| {
        let mut out = String::with_capacity(27);
        text::timestamp(&mut out, micros);
        out.push('Z');
        out
    })
}

/// The columns that the source did not send, as a JSON list; none if it sent all.
fn unchanged(rows: &TableRows, row: usize) -> Option<String> {
    let columns = rows.columns().iter().enumerate();
    let kept: Vec<serde_json::Value> = columns
        .filter(|(at, _)| rows.is_unchanged(row, *at))
        .map(|(_, column)| column.name.clone().into())
        .collect();
    (!kept.is_empty()).then(|| serde_json::Value::Array(kept).to_string())
}

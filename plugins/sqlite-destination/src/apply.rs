//! Applies the rows of one batch to one table.

use cartridge_warp_sdk::sql::{Fit, MISSING_ROW, MISSING_ROW_WORDS, Table};
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
    /// The row is to blame, or another one is in its way.
    Row(RefusedRow),
    /// Nothing of the batch can be written.
    Batch(Failure),
}

/// Why SQLite does not take a row.
pub(crate) struct RefusedRow {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Another row has a value of it, and may leave it later in the batch.
    pub(crate) conflict: bool,
}

/// What a row needs of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Append,
    /// An insert or update; the places of the columns it leaves alone.
    Upsert {
        kept: Vec<usize>,
    },
    /// The same, but the columns that it would set are emptied.
    StepAside {
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
    /// The number of the first row, in append mode.
    first: i64,
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
        first: i64,
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
            first,
            now,
            scratch: String::new(),
            prepared: Vec::new(),
        }
    }

    /// Applies one row.
    pub(crate) fn apply(&mut self, row: usize) -> Result<(), Refusal> {
        let shape = self.shape(self.rows.op(row), row);
        self.apply_as(shape, row)
    }

    /// Empties what a row will bring, so that none of its values is in anybody's way.
    pub(crate) fn step_aside(&mut self, row: usize) -> Result<(), Refusal> {
        let Shape::Upsert { kept } = self.shape(self.rows.op(row), row) else { return Ok(()) };
        let brings = |at: &usize| !kept.contains(at) && !self.key.contains(at);
        match (0..self.cells.len()).any(|at| brings(&at)) {
            true => self.apply_as(Shape::StepAside { kept }, row),
            false => Ok(()),
        }
    }

    fn apply_as(&mut self, shape: Shape, row: usize) -> Result<(), Refusal> {
        let operation = self.rows.op(row);
        if matches!(shape, Shape::Upsert { .. } | Shape::Delete) {
            self.check_key(row)?;
        }
        if matches!(&shape, Shape::Upsert { kept } if !kept.is_empty()) {
            self.check_present(row)?;
        }
        self.prepare(shape).map_err(|error| Refusal::Batch(failure::of(&error)))?;
        self.execute(row, operation).map_err(|error| refusal(&error))
    }

    /// The same rows for another table of the same columns.
    pub(crate) fn beside<'p>(&self, table: &'p Table) -> Applier<'p>
    where
        'a: 'p,
    {
        Applier {
            connection: self.connection,
            table,
            rows: self.rows,
            cells: (0..self.rows.columns().len()).map(|at| Cells::of(self.rows, at)).collect(),
            key: self.key.clone(),
            may_be_unchanged: self.may_be_unchanged,
            first: self.first,
            now: self.now,
            scratch: String::new(),
            prepared: Vec::new(),
        }
    }

    /// Runs a statement whose parameters are the key of a row.
    pub(crate) fn by_key(&mut self, sql: &str, row: usize) -> Result<(), Refusal> {
        let run = |applier: &mut Self| {
            let mut statement = applier.connection.prepare_cached(sql)?;
            let mut parameters = Parameters::of(&mut statement);
            for column in &applier.key {
                applier.cells[*column].bind(row, &mut parameters, &mut applier.scratch)?;
            }
            statement.raw_execute()
        };
        run(self).map(drop).map_err(|error| refusal(&error))
    }

    /// The table.
    pub(crate) fn table(&self) -> &'a Table {
        self.table
    }

    /// The rows.
    pub(crate) fn rows(&self) -> &'a TableRows {
        self.rows
    }

    /// What equal keys of a table have in common and others have not; none where that is not told by
    /// their texts, since zeros have a sign.
    pub(crate) fn key(&self, row: usize) -> Option<Vec<String>> {
        let text = |at: &usize| match self.cells[*at] {
            Cells::Float32(_) | Cells::Float64(_) => None,
            _ => Some(self.rows.value(row, *at).to_string()),
        };
        self.key.iter().map(text).collect()
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
            Some(place) => Err(Refusal::Row(RefusedRow {
                code: "null-key",
                message: format!("key column {} has no value", self.rows.columns()[*place].name),
                conflict: false,
            })),
        }
    }

    /// A value that was not sent is nowhere where the row is not there.
    fn check_present(&mut self, row: usize) -> Result<(), Refusal> {
        let sql = statement::find(self.table);
        let find = |applier: &mut Self| {
            let mut statement = applier.connection.prepare_cached(&sql)?;
            let mut parameters = Parameters::of(&mut statement);
            for column in &applier.key {
                applier.cells[*column].bind(row, &mut parameters, &mut applier.scratch)?;
            }
            Ok::<_, rusqlite::Error>(statement.raw_query().next()?.is_some())
        };
        match find(self).map_err(|error| refusal(&error))? {
            true => Ok(()),
            false => Err(Refusal::Row(RefusedRow {
                code: MISSING_ROW,
                message: MISSING_ROW_WORDS.to_owned(),
                conflict: false,
            })),
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
            Shape::Delete | Shape::StepAside { .. } => self.key.clone(),
            Shape::Truncate => Vec::new(),
        };
        let of_rows = self.rows.columns();
        let names: Vec<&str> = columns.iter().map(|at| of_rows[*at].name.as_str()).collect();
        let Sql { text, extras } = match &shape {
            Shape::Append => statement::append(self.table, &names),
            Shape::Upsert { .. } => statement::upsert(self.table, &names),
            Shape::StepAside { kept } => {
                let sent = |at: &usize| !kept.contains(at) && !self.key.contains(at);
                let sent = (0..of_rows.len()).filter(sent);
                let names: Vec<&str> = sent.map(|at| of_rows[at].name.as_str()).collect();
                Sql { text: statement::step_aside(self.table, &names), extras: Vec::new() }
            }
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
                Extra::Number => parameters.bind(self.first.saturating_add_unsigned(row as u64))?,
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

fn refusal(error: &rusqlite::Error) -> Refusal {
    match failure::blames_row(error) {
        Some(code) => Refusal::Row(RefusedRow {
            code,
            message: failure::words(error),
            conflict: failure::is_conflict(error),
        }),
        None => Refusal::Batch(failure::of(error)),
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

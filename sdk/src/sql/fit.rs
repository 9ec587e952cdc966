//! How the columns of a batch meet the columns of a table.

use arrow_array::Array;

use super::table::{KeptColumn, Table};
use crate::{Column, Failure, Operation, TableRows, WriteMode};

/// Rows that fit their table.
#[derive(Debug, Clone)]
pub struct Fit<'t> {
    /// The table's columns, in the order of the batch.
    pub columns: Vec<&'t KeptColumn>,
    /// Places of the key columns; empty in append mode.
    pub key: Vec<usize>,
}

impl<'t> Fit<'t> {
    /// Fits rows to their table; `takes` says whether a column takes values of the batch's as they
    /// are.
    ///
    /// # Errors
    /// `stop` when the rows have a column that the table has not, or not with that type, or lack a
    /// part of the key.
    pub fn of(
        table: &'t Table,
        rows: &TableRows,
        takes: impl Fn(&KeptColumn, &Column) -> bool,
    ) -> Result<Self, Failure> {
        let columns = rows.columns().iter().enumerate().map(|(place, column)| {
            let kept =
                table.column(&column.name).ok_or_else(|| unknown_column(table, &column.name))?;
            // Nothing is nothing in every type.
            let is_empty = column.unseen && rows.array(place).null_count() == rows.len();
            if is_empty || takes(kept, column) {
                Ok(kept)
            } else {
                Err(wrong_type(table, kept, column))
            }
        });
        let columns = columns.collect::<Result<_, Failure>>()?;
        // Truncates carry no columns at all, so a batch of them needs no key.
        let only_truncates = (0..rows.len()).all(|row| rows.op(row) == Operation::Truncate);
        let names: &[String] = match table.write_mode {
            WriteMode::Upsert if !only_truncates => &table.key,
            _ => &[],
        };
        let place = |name: &String| rows.index_of(name).ok_or_else(|| no_key(table, name));
        Ok(Self { columns, key: names.iter().map(place).collect::<Result<_, _>>()? })
    }
}

fn unknown_column(table: &Table, name: &str) -> Failure {
    Failure::stop(
        "unknown-column",
        format!("rows of table {} have an unknown column {name}", table.name),
    )
}

fn wrong_type(table: &Table, kept: &KeptColumn, column: &Column) -> Failure {
    Failure::stop(
        "column-type",
        format!(
            "rows of table {} bring {} as {}, but the column holds {}",
            table.name, column.name, column.column_type, kept.column.column_type
        ),
    )
}

fn no_key(table: &Table, name: &str) -> Failure {
    Failure::stop(
        "malformed-batch",
        format!("rows of table {} come without key column {name}", table.name),
    )
}

//! Commits a batch.
//!
//! Rows are applied one statement each, in their order, so a row that SQLite refuses undoes only
//! itself: it goes to the dead letters of the same transaction, or the whole batch is undone (I5).

use cartridge_warp_sdk::{DeadLetter, Failure, RejectedRow, TableRows, WriteOutcome, WriteRequest};

use crate::apply::{Applier, Refusal};
use crate::database::Transaction;
use crate::dead_letters::DeadLetters;
use crate::failure;
use crate::metadata;
use crate::names::Names;
use crate::statement;
use crate::storage::Storage;
use crate::table::{Table, Tables};
use crate::text;

/// Rows between two signs of life.
const KEEP_ALIVE_ROWS: usize = 1000;

/// Writes rows, dead letters and markers; the caller's transaction has checked the epoch.
pub(crate) fn batch(
    transaction: Transaction<'_>,
    names: &Names,
    request: &WriteRequest,
    tables: &Tables,
) -> Result<WriteOutcome, Failure> {
    let now = text::now();
    let connection = transaction.connection;
    let letters = DeadLetters::new(connection, names, &request.schema, &now);
    let mut outcome = WriteOutcome::default();
    for name in &request.clear_tables {
        let clear = statement::clear(planned(name, tables)?);
        connection.execute(&clear, []).map_err(|error| failure::of(&error))?;
    }
    for (batch, rows) in request.tables.iter().enumerate() {
        let table = target(rows, tables)?;
        let mut applier = Applier::new(connection, table, rows, &now)?;
        for row in 0..rows.len() {
            if row % KEEP_ALIVE_ROWS == KEEP_ALIVE_ROWS - 1 {
                transaction.keep_alive();
            }
            match applier.apply(row) {
                Ok(()) => outcome.rows_written += 1,
                Err(Refusal::Batch(failure)) => return Err(failure),
                Err(Refusal::Row { code, message }) => {
                    // A trigger may have rolled everything back, and then the rest would commit alone.
                    let undone = connection.is_autocommit();
                    if undone || !request.dead_letter_rejected {
                        return Err(rejected(rows, row, &code, &message));
                    }
                    letters.store(&letter(rows, row, &code, &message))?;
                    outcome.rejected.push(RejectedRow { batch, row, code, message });
                }
            }
        }
    }
    for letter in &request.dead_letters {
        letters.store(letter)?;
    }
    metadata::store_markers(connection, names, &request.schema, &request.markers, request.epoch)?;
    Ok(outcome)
}

fn planned<'t>(name: &str, tables: &'t Tables) -> Result<&'t Table, Failure> {
    tables
        .get(name)
        .ok_or_else(|| Failure::stop("unknown-table", format!("table {name} was never planned")))
}

/// The table that rows belong to, if they fit it.
fn target<'t>(rows: &TableRows, tables: &'t Tables) -> Result<&'t Table, Failure> {
    let table = planned(rows.table(), tables)?;
    for column in rows.columns() {
        let known = table.column(&column.name).ok_or_else(|| {
            Failure::stop(
                "unknown-column",
                format!("rows of table {} have an unknown column {}", table.physical, column.name),
            )
        })?;
        // Another storage class would be converted by the column's affinity.
        if Storage::of(&known.column_type) != Storage::of(&column.column_type) {
            return Err(Failure::stop(
                "column-type",
                format!(
                    "rows of table {} bring {} as {}, but the column holds {}",
                    table.physical, column.name, column.column_type, known.column_type
                ),
            ));
        }
    }
    Ok(table)
}

fn rejected(rows: &TableRows, row: usize, code: &str, message: &str) -> Failure {
    Failure::stop(
        "row-rejected",
        format!(
            "row {row} of a batch for table {} was refused ({code}): {message}; nothing of the \
             batch was written. Correct the row or the table, or set error_handling.dead_letter_queue",
            rows.table()
        ),
    )
}

fn letter(rows: &TableRows, row: usize, code: &str, message: &str) -> DeadLetter {
    let value = |(at, column): (usize, &cartridge_warp_sdk::Column)| {
        (column.name.clone(), rows.value(row, at).to_json())
    };
    let columns = rows.columns().iter().enumerate();
    let sent = columns.filter(|(at, _)| !rows.is_unchanged(row, *at));
    let payload = serde_json::Value::Object(sent.map(value).collect()).to_string();
    DeadLetter::new(rows.table(), code, message, &payload, "destination").operation(rows.op(row))
}

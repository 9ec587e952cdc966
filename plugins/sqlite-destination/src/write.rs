//! Commits a batch.
//!
//! Rows are applied one statement each, in their order, so a row that SQLite refuses undoes only
//! itself: it goes to the dead letters of the same transaction, or the whole batch is undone (I5).

use cartridge_warp_sdk::sql::{Fit, Rejections, Table, Tables, planned};
use cartridge_warp_sdk::{Failure, TableRows, WriteOutcome, WriteRequest};

use crate::apply::{Applier, Refusal};
use crate::database::Transaction;
use crate::dead_letters::DeadLetters;
use crate::failure;
use crate::metadata;
use crate::names::Names;
use crate::statement;
use crate::storage::Storage;
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
    for name in &request.clear_tables {
        let clear = statement::clear(planned(name, tables)?);
        connection.execute(&clear, []).map_err(|error| failure::of(&error))?;
    }
    let mut rejections = Rejections::of(request);
    for (batch, rows) in request.tables.iter().enumerate() {
        let table = planned(rows.table(), tables)?;
        let mut applier = Applier::new(connection, table, rows, fit(table, rows)?, &now);
        for row in 0..rows.len() {
            if row % KEEP_ALIVE_ROWS == KEEP_ALIVE_ROWS - 1 {
                transaction.keep_alive();
            }
            match applier.apply(row) {
                Ok(()) => {}
                Err(Refusal::Batch(failure)) => return Err(failure),
                Err(Refusal::Row { code, message }) => {
                    // A trigger may have rolled everything back, and then the rest would commit alone.
                    if connection.is_autocommit() {
                        return Err(rejections.stop(batch, row, &code, &message));
                    }
                    rejections.add(batch, row, &code, &message)?;
                }
            }
        }
    }
    let (outcome, letters) = rejections.finish();
    DeadLetters::new(connection, names, &request.schema, &now).store(&letters)?;
    metadata::store_markers(connection, names, &request.schema, &request.markers, request.epoch)?;
    Ok(outcome)
}

/// Another storage class would be converted by the column's affinity.
fn fit<'t>(table: &'t Table, rows: &TableRows) -> Result<Fit<'t>, Failure> {
    Fit::of(table, rows, |kept, column| {
        Storage::of(&kept.column.column_type) == Storage::of(&column.column_type)
    })
}

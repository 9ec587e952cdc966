//! Commits a batch.
//!
//! Rows are applied one statement each, in their order, so a row that SQLite refuses undoes only
//! itself: it goes to the dead letters of the same transaction, or the whole batch is undone (I5). A row
//! that another one is in the way of is not bad: [turns](crate::turns) has the ways to go about that.

use cartridge_warp_sdk::sql::{Fit, Numbers, Rejections, Table, Tables, planned};
use cartridge_warp_sdk::{Failure, TableRows, WriteOutcome, WriteRequest};

use crate::apply::Applier;
use crate::database::Transaction;
use crate::dead_letters::DeadLetters;
use crate::failure;
use crate::metadata;
use crate::names::Names;
use crate::statement;
use crate::storage::Storage;
use crate::text;
use crate::turns::Way;

/// Writes rows, dead letters and markers; the caller's transaction has checked the epoch.
pub(crate) fn batch(
    transaction: Transaction<'_>,
    names: &Names,
    request: &WriteRequest,
    tables: &Tables,
    numbers: &mut Numbers,
    way: Way,
) -> Result<WriteOutcome, Failure> {
    let now = text::now();
    let connection = transaction.connection;
    let dead_letters = DeadLetters::new(connection, names, &request.schema, &now);
    for name in &request.clear_tables {
        let clear = statement::clear(planned(name, tables)?);
        connection.execute(&clear, []).map_err(|error| failure::of(&error))?;
        dead_letters.settle_emptied(name)?;
    }
    let lanes = lanes(transaction, request, tables, numbers, &now)?;
    let rejections = rows(transaction, request, lanes, way)?;
    let (outcome, letters) = rejections.finish(tables);
    dead_letters.store(&letters, request.retry.as_ref())?;
    metadata::store_markers(connection, names, &request.schema, &request.markers, request.epoch)?;
    Ok(outcome)
}

fn lanes<'a>(
    transaction: Transaction<'a>,
    request: &'a WriteRequest,
    tables: &'a Tables,
    numbers: &mut Numbers,
    now: &'a str,
) -> Result<Vec<Applier<'a>>, Failure> {
    let lane = |rows: &'a TableRows| {
        let table = planned(rows.table(), tables)?;
        let first = numbers.first_of(table, request.epoch, rows.len())?;
        Ok(Applier::new(transaction.connection, table, rows, fit(table, rows)?, first, now))
    };
    request.tables.iter().map(lane).collect()
}

fn rows<'r>(
    transaction: Transaction<'_>,
    request: &'r WriteRequest,
    mut lanes: Vec<Applier<'_>>,
    way: Way,
) -> Result<Rejections<'r>, Failure> {
    let mut rejections = Rejections::of(request);
    way(transaction, &mut lanes, &mut rejections)?;
    Ok(rejections)
}

/// Another storage class would be converted by the column's affinity.
fn fit<'t>(table: &'t Table, rows: &TableRows) -> Result<Fit<'t>, Failure> {
    Fit::of(table, rows, |kept, column| {
        Storage::of(&kept.column.column_type) == Storage::of(&column.column_type)
    })
}

//! Reads a table whole, on either side.

use std::time::Duration;

use super::{
    sides::Sides,
    view::{Rows, View},
};
use crate::{
    model::TableBatch,
    plugin::ReadLimits,
    runner::{
        error::RunError,
        reading::{Asked, BYTES_MAX, pace},
        table::Table,
    },
};

/// Rows of one answer.
const ROWS_MAX: u32 = 10_000;

pub const LIMITS: ReadLimits =
    ReadLimits { rows_max: ROWS_MAX, bytes_max: BYTES_MAX as u64, wait: Duration::ZERO };

/// What ends the comparison of a table: an error of the schema, or why this one cannot be compared.
pub enum End {
    Error(RunError),
    NotCompared(String),
}

impl<E: Into<RunError>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

pub const SHAPE_CHANGED: &str =
    "its shape changed at the source since it was accepted: a run takes that over";

/// How many rows were told beside those that were taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    /// Rows of the source that cannot travel, or have no form by the rules: dead letters of a run.
    pub refused: u64,
    /// Rows of the destination that are marked as deleted.
    pub deleted: u64,
    /// Rows of the destination with a value that the column's type does not have.
    pub unreadable: u64,
}

/// Tells all rows of the source as the destination should have them, as a copy would read them; those that cannot
/// travel, or have no such form, are told `refused` by their keys.
pub async fn source(
    sides: &Sides<'_>,
    (table, view): (&mut Table, &View),
    mut take: impl FnMut(&Rows) -> Result<(), RunError>,
    mut refused: impl FnMut(Option<String>),
) -> Result<Beside, End> {
    let Sides { context, source, start, .. } = sides;
    let (schema, name) = (context.name(), table.source.name.clone());
    let (mut beside, rate) = (Beside::default(), sides.rate());
    let limits = ReadLimits { rows_max: rate.rows_max(ROWS_MAX), ..LIMITS };
    let planned = source.plan_snapshot(schema, &name, start, sides.stretches()).await;
    for chunk in planned.map_err(|error| error.about(&name))? {
        let mut cursor = None;
        loop {
            let asked = Asked::now();
            let read =
                source.get_full_snapshot(schema, &name, &chunk, cursor.clone(), limits).await;
            let mut batch = read.map_err(|error| error.about(&name))?;
            let next = batch.next_cursor.take();
            if next.is_some() && next == cursor {
                let what = format!("reading table `{name}` at the source");
                return Err(RunError::NoProgress { what }.into());
            }
            if !pace::brings_rows_of_snapshot(&mut batch) && next.is_some() {
                asked.pause().await;
            }
            let rows = batch.rows.as_ref().map_or(0, TableBatch::row_count) + batch.rejected.len();
            beside.refused += batch.rejected.len() as u64;
            for letter in batch.rejected {
                refused(letter.key.and_then(|key| table.redact_key(&key)));
            }
            if let Some(rows) = batch.rows.filter(|rows| rows.table == name) {
                let shaped = view.shaped(table, rows)?;
                let shaped = shaped.ok_or_else(|| End::NotCompared(SHAPE_CHANGED.into()))?;
                beside.refused += shaped.refused.len() as u64;
                shaped.refused.into_iter().for_each(&mut refused);
                shaped.parts.iter().try_for_each(&mut take)?;
            }
            rate.pay(rows as u64, &context.stop).await;
            let Some(next) = next else { break };
            cursor = Some(next);
        }
    }
    Ok(beside)
}

/// Tells all rows of the destination; those that cannot be read are told `unreadable` by their keys.
pub async fn destination(
    sides: &Sides<'_>,
    view: &View,
    mut take: impl FnMut(&Rows) -> Result<(), RunError>,
    mut unreadable: impl FnMut(Option<String>),
) -> Result<Beside, End> {
    let Sides { context, destination, .. } = sides;
    let (schema, name) = (context.name(), &view.plan.name);
    let (mut beside, mut cursor, rate) = (Beside::default(), None, sides.rate());
    let limits = ReadLimits { rows_max: rate.rows_max(ROWS_MAX), ..LIMITS };
    loop {
        let asked = Asked::now();
        let read = destination.read(schema, &view.plan, cursor.clone(), limits).await;
        let read = read.map_err(|error| error.about(name))?;
        let batch = read.ok_or_else(|| End::NotCompared(NOT_READ.into()))?;
        if batch.next_cursor.is_some() && batch.next_cursor == cursor {
            let what = format!("reading table `{name}` back from the destination");
            return Err(RunError::NoProgress { what }.into());
        }
        beside.deleted = beside.deleted.saturating_add(batch.passed_over);
        beside.unreadable += batch.rejected.len() as u64;
        let rows = batch.rows.as_ref().map_or(0, TableBatch::row_count) + batch.rejected.len();
        let is_empty = batch.rows.is_none() && batch.rejected.is_empty() && batch.passed_over == 0;
        batch.rejected.into_iter().for_each(|letter| unreadable(letter.key));
        if let Some(rows) = batch.rows {
            let rows = view.kept(&rows.columns)?;
            take(&rows.ok_or_else(|| End::NotCompared(OTHER_COLUMNS.into()))?)?;
        }
        let passed_over = batch.passed_over.min(u64::from(ROWS_MAX));
        rate.pay(passed_over + rows as u64, &context.stop).await;
        let Some(next) = batch.next_cursor else { return Ok(beside) };
        cursor = Some(next);
        if is_empty {
            asked.pause().await;
        }
    }
}

pub const OTHER_COLUMNS: &str = "its destination reads other columns of it back each time";
pub const NOT_READ: &str = "its destination does not read rows of it back";

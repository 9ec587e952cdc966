//! Entries of the journal that are older than `monitoring.journal_retention` go.
//!
//! Each entry that is written has one page of its table looked at, behind the one of the entry before. So no
//! pipeline waits for more than a page, a journal that nobody writes to is not read, and one that is written to
//! loses old entries faster than it gets new ones. Only entries of the same pipeline go: another one of the same
//! metadata schema may keep its own for longer. What `schema_registry` has is the history of shapes, and stays.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arrow_array::{
    Array, ArrayRef, BooleanArray, RecordBatch, UInt8Array, cast::AsArray,
    types::TimestampMicrosecondType,
};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::filter::filter_record_batch;

use super::tables::{ERRORS, RUNS, plans};
use crate::{
    model::{Operation, TableBatch, TablePlan, batch::OP_COLUMN},
    plugin::{DestinationConnection, ReadLimits, encode_batch, table_schema},
    runner::{error::RunError, table::unencodable},
};

/// What is looked at with each entry.
const PAGE: ReadLimits =
    ReadLimits { rows_max: 1000, bytes_max: 1024 * 1024, wait: Duration::ZERO };
/// A run that has not ended, as far as anybody knows.
const RUNNING: &str = "running";

/// Where each table was looked at last.
#[derive(Default)]
pub struct Retention {
    cursors: BTreeMap<&'static str, Vec<u8>>,
}

impl Retention {
    /// The ends of old entries on the next page of the entry's table; none where there are none, or where the
    /// destination reads nothing back.
    pub async fn next(
        &mut self,
        (destination, schema): (&DestinationConnection, &str),
        table: &str,
        pipeline: &str,
        keep: Duration,
    ) -> Result<Option<TableBatch>, RunError> {
        let Some((table, plan)) = looked_at(table) else { return Ok(None) };
        let cursor = self.cursors.remove(table);
        let Some(page) = destination.read(schema, &plan, cursor, PAGE).await? else {
            return Ok(None);
        };
        self.cursors.extend(page.next_cursor.map(|cursor| (table, cursor)));
        let Some(rows) = page.rows else { return Ok(None) };
        let before =
            SystemTime::now().checked_sub(keep).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let before = before.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        ends(&plan, &rows.columns, pipeline, before)
    }
}

/// The columns of a table by which it is decided.
fn looked_at(table: &str) -> Option<(&'static str, TablePlan)> {
    let (table, deciding): (_, &[&str]) = match table {
        RUNS => (RUNS, &["pipeline", "status", "started_at", "ended_at"]),
        ERRORS => (ERRORS, &["pipeline", "at"]),
        _ => return None,
    };
    let mut plan = plans().into_iter().find(|plan| plan.name == table)?;
    let is_needed = |name: &String| plan.key.contains(name) || deciding.contains(&name.as_str());
    let fields = plan.schema.fields().iter().filter(|field| is_needed(field.name()));
    plan.schema = Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()));
    Some((table, plan))
}

/// Deletes of the rows that are older than a moment, in microseconds since 1970 UTC.
fn ends(
    plan: &TablePlan,
    rows: &RecordBatch,
    pipeline: &str,
    before: i64,
) -> Result<Option<TableBatch>, RunError> {
    let text = |name: &str, row: usize| {
        let column = rows.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let time = |name: &str, row: usize| {
        let column = rows.column_by_name(name)?.as_primitive_opt::<TimestampMicrosecondType>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let is_old = |row| {
        let at =
            time("at", row).or_else(|| time("ended_at", row)).or_else(|| time("started_at", row));
        text("pipeline", row) == Some(pipeline)
            && text("status", row) != Some(RUNNING)
            && at.is_some_and(|at| at < before)
    };
    let old: BooleanArray = (0..rows.num_rows()).map(|row| Some(is_old(row))).collect();
    if old.true_count() == 0 {
        return Ok(None);
    }
    let table = &plan.name;
    let rows = filter_record_batch(rows, &old).map_err(|cause| unencodable(table, cause))?;
    let deletes = UInt8Array::from(vec![Operation::Delete as u8; rows.num_rows()]);
    let mut fields = vec![Arc::new(Field::new(OP_COLUMN, DataType::UInt8, false))];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(deletes)];
    for (field, values) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        if plan.key.contains(field.name()) {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(values));
        }
    }
    let schema = table_schema(Arc::new(Schema::new(fields)));
    let schema = schema.map_err(|cause| unencodable(table, cause))?;
    let rows = RecordBatch::try_new(Arc::clone(&schema.arrow), columns)
        .map_err(|cause| unencodable(table, cause))?;
    encode_batch(table, &schema, rows).map(Some).map_err(|cause| unencodable(table, cause))
}

//! One mistake each, of those that a destination can make: each is what a check of the conformance kit is for.

use std::{mem, sync::Arc};

use cartridge_warp_sdk::{
    Failure, Operation, TableRows, WriteOutcome, WriteRequest,
    arrow_array::{Array, ArrayRef, RecordBatch, StringArray, cast::AsArray},
    arrow_schema::DataType,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The column that says which values were not sent.
const UNCHANGED: &str = "_unchanged";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mutant {
    /// Making a table that is there empties it.
    EmptiesTables,
    /// Texts lose the spaces around them.
    TrimsTexts,
    /// The changes of a batch are made from the last to the first.
    ReversesBatches,
    /// Deletes are passed over.
    KeepsDeleted,
    /// What was not sent becomes NULL.
    NullsUnsent,
    /// Truncates are passed over.
    SkipsTruncates,
    /// A batch that has been there before is refused.
    RefusesAgain,
    /// Markers that come with rows are forgotten.
    ForgetsMarkers,
    /// The other rows of a batch that is refused stay.
    CommitsRefused,
    /// Rows that became dead letters are not told.
    HidesRefused,
    /// Tables are not emptied first.
    SkipsClears,
    /// Whoever writes takes the schema.
    Unfenced,
    /// A connection that was cut is said to be the end.
    StopsWhenCut,
    /// The secret `token` is among what it prints.
    PrintsSecrets,
}

impl Mutant {
    /// The request as this one understands it.
    pub fn mistake(self, request: &mut WriteRequest) -> Result<(), Failure> {
        match self {
            Self::TrimsTexts => each_table(request, trimmed)?,
            Self::NullsUnsent => each_table(request, without_unchanged)?,
            Self::ReversesBatches => {
                let tables = mem::take(&mut request.tables);
                request.tables = one_by_one(tables, |_| true)?.into_iter().rev().collect();
            }
            Self::KeepsDeleted => passed_over(request, Operation::Delete)?,
            Self::SkipsTruncates => passed_over(request, Operation::Truncate)?,
            Self::ForgetsMarkers => request.markers.clear(),
            Self::CommitsRefused => request.dead_letter_rejected = true,
            Self::SkipsClears => request.clear_tables.clear(),
            Self::EmptiesTables
            | Self::RefusesAgain
            | Self::HidesRefused
            | Self::Unfenced
            | Self::StopsWhenCut
            | Self::PrintsSecrets => {}
        }
        Ok(())
    }

    /// The answer as this one gives it.
    pub fn answer(
        self,
        asked_to_fail: bool,
        mut outcome: WriteOutcome,
    ) -> Result<WriteOutcome, Failure> {
        match self {
            Self::HidesRefused => outcome.rejected.clear(),
            Self::CommitsRefused if asked_to_fail && !outcome.rejected.is_empty() => {
                return Err(Failure::stop("row-rejected", "a row is refused"));
            }
            _ => {}
        }
        Ok(outcome)
    }
}

fn each_table(
    request: &mut WriteRequest,
    change: fn(&RecordBatch) -> Option<RecordBatch>,
) -> Result<(), Failure> {
    for rows in &mut request.tables {
        if let Some(changed) = change(rows.record_batch()) {
            *rows = TableRows::new(rows.table(), changed)?;
        }
    }
    Ok(())
}

fn trimmed(batch: &RecordBatch) -> Option<RecordBatch> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>().iter().map(|text| text.map(str::trim));
            Arc::new(texts.collect::<StringArray>()) as ArrayRef
        }
        _ => Arc::clone(column),
    });
    RecordBatch::try_new(batch.schema(), columns.collect()).ok()
}

fn without_unchanged(batch: &RecordBatch) -> Option<RecordBatch> {
    let mut batch = batch.clone();
    let unchanged = batch.schema().index_of(UNCHANGED).ok()?;
    batch.remove_column(unchanged);
    Some(batch)
}

fn passed_over(request: &mut WriteRequest, operation: Operation) -> Result<(), Failure> {
    request.tables = one_by_one(mem::take(&mut request.tables), |found| found != operation)?;
    Ok(())
}

/// A batch for each row that is kept.
fn one_by_one(
    tables: Vec<TableRows>,
    is_kept: impl Fn(Operation) -> bool,
) -> Result<Vec<TableRows>, Failure> {
    let mut single = Vec::new();
    for rows in tables {
        for row in (0..rows.len()).filter(|row| is_kept(rows.op(*row))) {
            single.push(TableRows::new(rows.table(), rows.record_batch().slice(row, 1))?);
        }
    }
    Ok(single)
}

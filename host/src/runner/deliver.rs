//! The way into the destination: evolve, shape, commit.
//!
//! Every row of a schema passes here: it is fitted to its table's columns, or it is among the dead
//! letters of the same commit, or its table is parked before the position moves past it, or the schema
//! stops (I5). Order within a table is that of the caller (I4).

use super::{
    commit::{Ready, Writer, check_tables},
    context::SchemaContext,
    error::RunError,
    letters::by_reason,
    shapes::{Evolved, evolve},
    table::{Table, Tables, Taken},
};
use crate::model::{DeadLetter, Marker, Settlement, TableBatch};

/// Memory that all tables may keep to shape further batches faster.
const KNOWN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What one commit is made of, as the source sent it.
#[derive(Debug, Default)]
pub struct Commit {
    /// Tables to empty first.
    pub clear: Vec<String>,
    pub tables: Vec<TableBatch>,
    pub rejected: Vec<DeadLetter>,
    pub markers: Vec<Marker>,
    /// The rows were read by a copy.
    pub is_copied: bool,
    /// Dead letters whose rows come with it.
    pub retry: Option<Settlement>,
    /// It ends within a transaction of the source: a row that the destination refuses may only be early,
    /// so nothing is committed then.
    pub is_part: bool,
}

/// Commits rows, dead letters and markers together.
pub async fn deliver(writer: &Writer, commit: Commit) -> Result<(), RunError> {
    let Commit { clear, tables, rejected, markers, is_copied, retry, is_part } = commit;
    let Taken { batches: tables, letters } = shape(writer, tables, is_copied).await?;
    let keys = keys(writer, &tables).await?;
    let rejected = rejected.into_iter().chain(letters).collect();
    let dead_letters = accept_rejected(writer, rejected).await?;
    writer.commit(Ready { clear, tables, keys, dead_letters, markers, retry, is_part }).await
}

/// The keys of rows of tables that are copied while their older rows stay.
async fn keys(writer: &Writer, batches: &[TableBatch]) -> Result<Vec<TableBatch>, RunError> {
    let tables = writer.tables.lock().await;
    let mut keys = Vec::new();
    for batch in batches {
        let Some(table) = tables.get(&batch.table) else { continue };
        let Some(of_table) = &table.keys else { continue };
        match of_table.of_rows(batch)? {
            Some(of_rows) => keys.push(of_rows),
            None => {
                let markers =
                    evolve::copy_again(writer, table, "its key has other columns").await?;
                writer.commit_markers(markers).await?;
                return Err(RunError::CopyAgain { table: batch.table.clone() });
            }
        }
    }
    Ok(keys)
}

/// The rows of selected tables, with the columns that the destination has, and those that do not fit them.
async fn shape(
    writer: &Writer,
    batches: Vec<TableBatch>,
    is_copied: bool,
) -> Result<Taken, RunError> {
    let mut ready = Taken { batches: Vec::with_capacity(batches.len()), letters: Vec::new() };
    let mut known = writer.tables.lock().await;
    // All changes of shape come first: rows of an earlier batch go into the same commit, and have to
    // fit the columns as they are by then.
    for batch in &batches {
        evolve_for(writer, &mut known, batch).await?;
    }
    for batch in batches {
        if let Some(table) = known.get_mut(&batch.table) {
            let batch = if is_copied { table.copied(batch)? } else { batch };
            let Taken { batches, letters } = table.shape(batch)?;
            ready.batches.extend(batches);
            ready.letters.extend(letters);
        }
    }
    let kept = known.values().map(Table::known_bytes).sum::<usize>();
    if kept > KNOWN_BYTES_MAX {
        known.values_mut().for_each(Table::forget_known);
    }
    Ok(ready)
}

/// Makes the batch's table able to hold it. One that is not selected is none of ours.
async fn evolve_for(
    writer: &Writer,
    tables: &mut Tables,
    batch: &TableBatch,
) -> Result<(), RunError> {
    if !writer.follows(&batch.table) {
        return Ok(());
    }
    let Some(table) = tables.get_mut(&batch.table) else {
        return Err(RunError::UnknownTable { table: batch.table.clone() });
    };
    let news = table.news(&batch.schema);
    if news.is_empty() {
        return Ok(());
    }
    if evolve::apply(writer, table, news).await? == Evolved::CopyAgain {
        return Err(RunError::CopyAgain { table: batch.table.clone() });
    }
    check_tables(&writer.context, tables, &batch.table)
}

/// One line for the rows of a table that are rejected for one reason; the first of them speaks for all.
fn tell_rejected(context: &SchemaContext, letters: &[DeadLetter]) {
    let logs_conversions = context.config.error_handling.log_conversion_warnings;
    let told = letters.iter().filter(|letter| logs_conversions || !is_conversion(letter));
    let told = told.map(|letter| (letter.table.as_str(), letter.code.as_str(), letter));
    for ((table, code), (first, rows)) in by_reason(told) {
        if context.source.log.admits("dead letters") {
            let DeadLetter { origin, message, .. } = first;
            tracing::warn!(table, code, rows, origin, "rows go to the dead letters: {message}");
        }
    }
}

fn is_conversion(letter: &DeadLetter) -> bool {
    letter.code == "type-conversion"
}

/// Rows that could not be turned into data: dead letters, if the operator lets them.
async fn accept_rejected(
    writer: &Writer,
    rejected: Vec<DeadLetter>,
) -> Result<Vec<DeadLetter>, RunError> {
    let rules = &writer.context.config.error_handling;
    let mut letters = Vec::with_capacity(rejected.len());
    let tables = writer.tables.lock().await;
    for mut letter in rejected {
        if !writer.follows(&letter.table) {
            continue;
        }
        let conversion = is_conversion(&letter);
        let key = match () {
            () if !rules.dead_letter_queue => Some("`error_handling.dead_letter_queue: true`"),
            () if conversion && !rules.ignore_type_conversion_errors => {
                Some("`error_handling.ignore_type_conversion_errors: true`")
            }
            () => None,
        };
        if let Some(key) = key {
            let DeadLetter { table, origin, message, .. } = letter;
            return Err(RunError::RowRefused { table, origin, message, key });
        }
        if let Some(table) = tables.get(&letter.table) {
            letter.payload = table.redact_payload(&letter.payload);
            letter.key = letter.key.and_then(|key| table.redact_key(&key));
        }
        letters.push(letter);
    }
    tell_rejected(&writer.context, &letters);
    Ok(letters)
}

//! The way into the destination: evolve, shape, commit.
//!
//! Every row of a schema passes here: it is fitted to its table's columns, or it is among the dead
//! letters of the same commit, or its table is parked before the position moves past it, or the schema
//! stops (I5). Order within a table is that of the caller (I4).

use super::{
    commit::{Ready, Sibling, Turn, Writer, check_tables},
    context::SchemaContext,
    error::RunError,
    letters::by_reason,
    shapes::{Evolved, evolve},
    table::{Table, Tables, Taken, WITHHELD},
};
use crate::model::{DeadLetter, Marker, Settlement, TableBatch, TablePlan};

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
    deliver_over(writer, None, commit).await
}

/// The same over another connection than the schema's own.
pub async fn deliver_over(
    writer: &Writer,
    mut sibling: Option<&mut Sibling>,
    commit: Commit,
) -> Result<(), RunError> {
    let Commit { clear, tables, rejected, markers, is_copied, retry, is_part } = commit;
    let turn = know_shapes(writer, &tables).await?;
    let Taken { batches: tables, letters } = shape(writer, tables, is_copied).await?;
    let keys = match keys(writer, &tables).await? {
        Ok(keys) => keys,
        Err(table) => {
            drop(turn);
            return copy_again(writer, table).await;
        }
    };
    let rejected = withhold(writer, rejected).await.into_iter().chain(letters).collect();
    let dead_letters = accept_rejected(writer, rejected).await?;
    if let Some(sibling) = &mut sibling {
        let plans = plans(writer, &tables).await;
        sibling.learn(writer.context.name(), plans, writer.epoch).await?;
    }
    let ready = Ready { clear, tables, keys, dead_letters, markers, retry, is_part };
    writer.commit_over(sibling.as_deref(), ready).await
}

/// How the tables of these rows are kept, and those of their keys.
async fn plans(writer: &Writer, batches: &[TableBatch]) -> Vec<TablePlan> {
    let tables = writer.tables.lock().await;
    let known = batches.iter().filter_map(|batch| tables.get(&batch.table));
    let plans = known.flat_map(|table| {
        let keys = table.keys.as_ref().map(|keys| keys.plan.clone());
        std::iter::once(table.plan()).chain(keys)
    });
    plans.collect()
}

/// The keys of rows of tables that are copied while their older rows stay; or a table whose key has other
/// columns by now.
async fn keys(
    writer: &Writer,
    batches: &[TableBatch],
) -> Result<Result<Vec<TableBatch>, String>, RunError> {
    let tables = writer.tables.lock().await;
    let mut keys = Vec::new();
    for batch in batches {
        let of_table = tables.get(&batch.table).and_then(|table| table.keys.as_ref());
        let Some(of_table) = of_table else { continue };
        match of_table.of_rows(batch)? {
            Some(of_rows) => keys.push(of_rows),
            None => return Ok(Err(batch.table.clone())),
        }
    }
    Ok(Ok(keys))
}

async fn copy_again(writer: &Writer, table: String) -> Result<(), RunError> {
    let begin = Box::pin(async {
        let tables = writer.tables.lock().await;
        if let Some(known) = tables.get(&table) {
            let markers = evolve::copy_again(writer, known, "its key has other columns").await?;
            writer.commit_markers(markers).await?;
        }
        Err(RunError::CopyAgain { table: table.clone() })
    });
    writer.turns.alone(begin).await.map(|((), _turn)| ())
}

/// Makes the tables of these rows able to hold them. All changes of shape come first: rows of an earlier batch go
/// into the same commit, and have to fit the columns as they are by then.
async fn know_shapes<'w>(writer: &'w Writer, batches: &[TableBatch]) -> Result<Turn<'w>, RunError> {
    let turn = writer.turns.beside().await;
    if !bring_news(writer, batches).await {
        return Ok(turn);
    }
    drop(turn);
    let evolve = Box::pin(async {
        let mut known = writer.tables.lock().await;
        for batch in batches {
            evolve_for(writer, &mut known, batch).await?;
        }
        Ok(())
    });
    let ((), turn) = writer.turns.alone(evolve).await?;
    Ok(turn)
}

async fn bring_news(writer: &Writer, batches: &[TableBatch]) -> bool {
    let known = writer.tables.lock().await;
    batches.iter().filter(|batch| writer.follows(&batch.table)).any(|batch| {
        known.get(&batch.table).is_none_or(|table| !table.news(&batch.schema).is_empty())
    })
}

/// The rows of selected tables, with the columns that the destination has, and those that do not fit them.
async fn shape(
    writer: &Writer,
    batches: Vec<TableBatch>,
    is_copied: bool,
) -> Result<Taken, RunError> {
    let mut ready = Taken { batches: Vec::with_capacity(batches.len()), letters: Vec::new() };
    let mut known = writer.tables.lock().await;
    for batch in batches {
        if let Some(table) = known.get_mut(&batch.table) {
            let batch = if is_copied { table.copied(batch)? } else { batch };
            let outside = table.outside(is_copied);
            let Taken { batches, letters } = table.shape_as(batch, outside)?;
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

/// What cannot travel may be rows that are to stay at the source.
async fn withhold(writer: &Writer, mut rejected: Vec<DeadLetter>) -> Vec<DeadLetter> {
    let tables = writer.tables.lock().await;
    for letter in &mut rejected {
        let table = tables.get(&letter.table);
        if table.is_some_and(|table| table.settings.where_clause.is_some()) {
            WITHHELD.clone_into(&mut letter.payload);
        }
    }
    rejected
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

//! Reads everything a run would read, and writes nothing.
//!
//! Neither the destination nor any position moves: the destination is only asked whether it could
//! be written to, and where the stream would go on.

use std::{sync::Arc, time::Duration};

use super::completion::Completion;
use crate::{
    config::Resync,
    model::{Position, TableBatch},
    monitor::SchemaState,
    plugin::{DestinationConnection, ReadLimits, SourceConnection},
    runner::{
        attempt::{Attempts, Selection, check_copied, check_owner, select_tables},
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        reading::{Asked, BYTES_MAX, pace},
        shapes::{begins_with_copy, has_other_rules},
        side::check_apart,
        state::{CHANGES, TableState, read, table_stream},
        table::Table,
        tally::Measured,
    },
};

/// Counts what a run would copy, into the context's tally.
pub async fn run(context: &Arc<SchemaContext>) -> Result<Completion, RunError> {
    let source = context.open_source().await?;
    let destination = context.open_destination().await?;
    check_apart(&source, &destination, context.name(), context.destination_schema()).await?;
    check_owner(context, &destination).await?;
    let mut attempts = Attempts { resync: context.resync(), ..Attempts::default() };
    let findings = &mut Findings::of_tables(attempts.parking(context));
    let Selection { tables, aside, .. } =
        select_tables(context, &source, Some(&destination), Some(&attempts), findings).await?;
    check_copied(context, context.resync().named(), &tables, "full_resync")?;
    attempts.followed = tables.keys().cloned().collect();
    for error in findings.drain() {
        if !attempts.park(context, &error) {
            return Err(error);
        }
        tracing::warn!(error = error.chain(), "a run would park the table");
    }
    let follows = |table: &str| context.selects(table) && !aside.contains(table);
    destination.test_connection().await?;
    context.health.set_started();
    context.health.set(context.name(), SchemaState::Snapshotting);
    let stored = destination.get_marker(context.name(), CHANGES).await?;
    let has_begun = stored.is_some();
    let start = match stored.filter(|_| context.resync() != Resync::All) {
        Some(bytes) => Position(bytes),
        None => source.current_position(context.name()).await?,
    };
    for (name, table) in &tables {
        if needs_snapshot(context, &destination, table, has_begun).await? {
            let rows_max = table.settings.full_load_batch_size.get();
            count_snapshot(context, &source, name, &start, rows_max).await?;
        }
    }
    context.health.set(context.name(), SchemaState::Streaming);
    let rows_max = tables.values().map(|table| table.settings.stream_batch_size.get()).max();
    count_changes(context, &source, start, rows_max.unwrap_or(1000), follows).await?;
    tracing::info!("dry run: nothing was written, no position was moved");
    Ok(Completion::CaughtUp)
}

async fn needs_snapshot(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &Table,
    has_begun: bool,
) -> Result<bool, RunError> {
    let name = &table.source.name;
    let state: Option<TableState> = read(destination, context.name(), &table_stream(name)).await?;
    if context.resync().includes(name) {
        return Ok(true);
    }
    if state.as_ref().is_none_or(|state| *state == TableState::FIRST) {
        return begins_with_copy(context, destination, name, has_begun).await;
    }
    let is_copied = state.as_ref().is_some_and(TableState::is_copied);
    let is_otherwise = is_copied && has_other_rules(context, destination, table).await?;
    Ok(is_otherwise || state != Some(TableState::Streaming))
}

async fn count_snapshot(
    context: &SchemaContext,
    source: &SourceConnection,
    table: &str,
    start: &Position,
    rows_max: u32,
) -> Result<(), RunError> {
    let limits = ReadLimits { rows_max, bytes_max: BYTES_MAX as u64, wait: Duration::ZERO };
    for chunk in source.plan_snapshot(context.name(), table, start, 1).await? {
        let mut cursor = None;
        loop {
            let asked = Asked::now();
            let mut batch =
                source.get_full_snapshot(context.name(), table, &chunk, cursor, limits).await?;
            if !pace::brings_rows_of_snapshot(&mut batch) {
                asked.pause().await;
            }
            count(context, batch.rows.as_slice(), batch.rejected.len());
            cursor = batch.next_cursor;
            if cursor.is_none() || context.stop.is_cancelled() {
                break;
            }
        }
    }
    Ok(())
}

async fn count_changes(
    context: &SchemaContext,
    source: &SourceConnection,
    start: Position,
    rows_max: u32,
    follows: impl Fn(&str) -> bool,
) -> Result<(), RunError> {
    let limits = ReadLimits { rows_max, bytes_max: BYTES_MAX as u64, wait: Duration::ZERO };
    let mut after = start;
    while !context.stop.is_cancelled() {
        let asked = Asked::now();
        let mut batch = source.get_changes(context.name(), &after, limits).await?;
        pace::keep_followed(&follows, &mut batch);
        if !pace::brings_rows(&batch) && !batch.caught_up {
            asked.pause().await;
        }
        for change in &batch.schema_changes {
            if !context.source.log.admits("new shapes") {
                continue;
            }
            tracing::info!(table = change.table, change = change.kind.word(), "would change shape");
        }
        count(context, &batch.tables, batch.rejected.len());
        after = batch.position;
        if batch.caught_up {
            break;
        }
    }
    Ok(())
}

fn count(context: &SchemaContext, batches: &[TableBatch], rejected: usize) {
    let measured: Vec<_> = batches.iter().map(Measured::of).collect();
    context.tally.add(&measured, rejected as u64);
}

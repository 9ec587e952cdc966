//! Parks tables: in the commit that begins an attempt, before the position can move past what they failed at.

use std::collections::{BTreeMap, BTreeSet};

use super::attempts::Attempts;
use crate::{
    model::Marker,
    monitor::{ParkedTable, TableStatus},
    runner::{
        commit::Writer,
        error::RunError,
        parking::{help_when_gone, table_status},
        shapes::{drop_keys, has_old_rows},
        state::{ASIDE, TableState, forget_chunks, marker, read, table_stream},
    },
};

/// What is to be committed so that the tables are parked from then on which the attempt leaves out.
pub async fn park(writer: &Writer, attempts: &Attempts) -> Result<Vec<Marker>, RunError> {
    let (destination, schema) = (&writer.destination, writer.context.name());
    let names: Option<BTreeSet<String>> = read(destination, schema, ASIDE).await?;
    let names = names.unwrap_or_default();
    let tables = writer.tables.lock().await;
    let is_back = |name: &&String| attempts.wants(name) && tables.contains_key(*name);
    // The last look was before the claim.
    if !names.iter().filter(|name| !is_back(name)).eq(&attempts.aside) {
        return Err(RunError::ParkedMeanwhile { schema: schema.to_owned() });
    }
    drop(tables);
    let mut markers = Vec::new();
    for (name, reason) in &attempts.failing {
        let (chunks, keys) = forget_chunks(destination, schema, name).await?;
        markers.extend(chunks);
        drop_keys(writer, keys).await?;
        let stream = table_stream(name);
        let state: Option<TableState> = read(destination, schema, &stream).await?;
        let state = match state {
            Some(state) => state,
            None if has_old_rows(writer, name).await? => TableState::AFTER_ANOTHER,
            None => TableState::FIRST,
        };
        let parked = TableState::Parked { reason: reason.clone(), back: state.back() };
        markers.push(marker(stream, &parked));
    }
    if names != writer.aside {
        markers.push(marker(ASIDE.into(), &writer.aside));
    }
    Ok(markers)
}

/// Tells where each table is, which of them are parked, and in the log which are from now on.
pub async fn tell(
    writer: &Writer,
    attempts: &Attempts,
    followed: &[(String, TableState)],
) -> Result<(), RunError> {
    let (context, schema) = (&writer.context, writer.context.name());
    let status =
        |(name, state): &(String, TableState)| (name.clone(), table_status(schema, name, state));
    let mut tables: BTreeMap<String, TableStatus> = followed.iter().map(status).collect();
    let mut shown = BTreeMap::new();
    for name in &writer.aside {
        // What is parked by now is stored.
        let state: Option<TableState> =
            read(&writer.destination, schema, &table_stream(name)).await?;
        let Some(state) = state else { continue };
        let mut status = table_status(schema, name, &state);
        if attempts.gone.contains(name) {
            status.help = Some(help_when_gone(schema, name));
        }
        let help = status.help.clone();
        tables.insert(name.clone(), status);
        // The operator knows of what he paused.
        let TableState::Parked { reason, .. } = state else { continue };
        let mut table = reason.shown(schema, name);
        table.help = help.unwrap_or(table.help);
        if attempts.failing.contains_key(name) {
            let ParkedTable { code, message, help, .. } = &table;
            tracing::error!(table = name, code, help, "table parked, the others go on: {message}");
        }
        shown.insert(name.clone(), table);
    }
    context.health.set_tables(schema, tables);
    context.metrics.parked(&shown.keys().cloned().collect());
    context.health.set_parked(schema, shown);
    Ok(())
}

//! Tables that a pipeline is to have nothing to do with any more: forgotten, and removed at the destination.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    letters::settle_open,
    order::{check_at_rest, claim, unknown},
};
use crate::{
    model::LetterFilter,
    plugin::{ChangeOutcome, DestinationConnection},
    runner::{
        advice::argument,
        attempt::check_owner,
        commit::Writer,
        context::SchemaContext,
        error::RunError,
        shapes::{ask_to_drop, drop_keys, remembered},
        state::{
            ASIDE, TableState, deletion, extras_stream, forget_chunks, marker, read, shape_stream,
            table_stream, uncopied_stream,
        },
        table::{Table, Tables},
    },
};

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub table: String,
    /// Why the destination's table stays, where it does.
    pub stays: Option<String>,
}

/// Forgets the tables that the configuration's `full_resync` names, and removes them at the destination unless
/// `keep_rows`. The lists must not select one that is followed: the next run would copy it again.
///
/// A crash on the way leaves a table that is still known, so the same order carries on.
pub async fn drop_tables(
    context: &Arc<SchemaContext>,
    keep_rows: bool,
    take_over: bool,
) -> Result<Vec<Dropped>, RunError> {
    let names = context.resync().named().to_vec();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    check_at_rest(context, &destination, take_over).await?;
    let mut known = Vec::new();
    for name in names {
        known.push(find(context, &destination, name).await?);
    }
    let epoch = claim(context, &destination).await?;
    let aside = BTreeSet::new();
    let writer = Writer::new(Arc::clone(context), destination, epoch, Tables::new(), aside);
    let mut dropped = Vec::new();
    for table in known {
        dropped.push(forget(&writer, table, keep_rows).await?);
    }
    writer.close().await;
    Ok(dropped)
}

/// A table of which something is known, as the destination has it.
async fn find(
    context: &SchemaContext,
    destination: &DestinationConnection,
    name: String,
) -> Result<Table, RunError> {
    let schema = context.name();
    let state: Option<TableState> = read(destination, schema, &table_stream(&name)).await?;
    if state.is_some() && context.selects(&name) {
        return Err(RunError::Unusable {
            what: format!("table `{name}` is selected, so the next run would copy it again"),
            help: format!(
                "leave it out with `table_blacklist` first; `resync {}` copies it again",
                argument(schema, &name)
            ),
        });
    }
    match remembered(context, destination, &name).await? {
        Some(table) => Ok(table),
        None => Err(unknown(context, &name)),
    }
}

/// Removes a table at the destination, settles its dead letters, and forgets it.
async fn forget(writer: &Writer, table: Table, keep_rows: bool) -> Result<Dropped, RunError> {
    let (schema, name) = (writer.context.name(), table.source.name.clone());
    let (mut markers, keys) = forget_chunks(&writer.destination, schema, &name).await?;
    drop_keys(writer, keys).await?;
    let mut stays = None;
    if !keep_rows {
        // The connector drops what it knows.
        writer.create_table(&table).await?;
        stays = ask_to_drop(writer, &name).await?.into_iter().find_map(|outcome| match outcome {
            ChangeOutcome::Refused { reason } => Some(reason),
            _ => None,
        });
    }
    let letters = LetterFilter { table: Some(name.clone()), ..LetterFilter::default() };
    let why = "the table was dropped from the pipeline";
    let settled =
        settle_open(&writer.context, &writer.destination, &letters, "discarded", why).await;
    // A destination whose letters nobody can read back has none that are open.
    if let Err(error) = settled
        && !matches!(error, RunError::NoLetters { .. })
    {
        return Err(error);
    }
    let aside: Option<BTreeSet<String>> = read(&writer.destination, schema, ASIDE).await?;
    if let Some(mut aside) = aside.filter(|aside| aside.contains(&name)) {
        aside.remove(&name);
        markers.push(marker(ASIDE.into(), &aside));
    }
    let mut counted = writer.count().await?;
    counted.remove_table();
    let streams = [table_stream, shape_stream, uncopied_stream, extras_stream];
    markers.extend(streams.map(|stream| deletion(stream(&name))));
    markers.push(counted.marker());
    writer.commit_markers(markers).await?;
    counted.committed();
    Ok(Dropped { table: name, stays })
}

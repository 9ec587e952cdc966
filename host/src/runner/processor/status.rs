//! Where each table of a schema is in its life, from what is stored at the destination.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    monitor::TableStatus,
    plugin::DestinationConnection,
    runner::{
        attempt::check_owner,
        context::SchemaContext,
        error::RunError,
        extras::{Stored, shown},
        parking::{help_when_gone, table_status},
        state::{ASIDE, RUNNER, TableState, extras_stream, read, table_stream},
    },
};

/// What is known of a schema.
#[derive(Debug)]
pub struct SchemaStatus {
    /// Whether a run holds it, or one ended without giving it back.
    pub is_held: bool,
    pub tables: BTreeMap<String, TableStatus>,
    /// Why the source could not say which tables it has: then only those that are left out are listed.
    pub unlisted: Option<RunError>,
}

/// Reads the states of the tables that the source has and the operator wants, and of those that are left out.
pub async fn status(context: &SchemaContext) -> Result<SchemaStatus, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    let mut tables = left_out(context, &destination).await?;
    let mut names = BTreeSet::new();
    let unlisted = match listed(context).await {
        Ok(listed) => {
            tell_gone(context, &mut tables, &listed);
            names = listed;
            None
        }
        Err(error) => Some(error),
    };
    names.retain(|name| context.selects(name) && !tables.contains_key(name));
    for name in names {
        let status = status_of(context, &destination, &name).await?;
        tables.insert(name, status);
    }
    let is_held = is_held(context, &destination).await?;
    destination.close().await;
    Ok(SchemaStatus { is_held, tables, unlisted })
}

/// Whether a run holds the schema, or one ended without giving it back.
pub async fn is_held(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<bool, RunError> {
    Ok(destination.get_marker(context.name(), RUNNER).await?.is_some())
}

/// The tables that are parked or paused, whether or not the source has them.
pub async fn left_out(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<BTreeMap<String, TableStatus>, RunError> {
    let names: Option<BTreeSet<String>> = read(destination, context.name(), ASIDE).await?;
    let mut tables = BTreeMap::new();
    for name in names.unwrap_or_default() {
        let status = status_of(context, destination, &name).await?;
        tables.insert(name, status);
    }
    Ok(tables)
}

async fn status_of(
    context: &SchemaContext,
    destination: &DestinationConnection,
    name: &str,
) -> Result<TableStatus, RunError> {
    let schema = context.name();
    let state: Option<TableState> = read(destination, schema, &table_stream(name)).await?;
    let Some(state) = state else {
        return Ok(TableStatus { state: "new", ..TableStatus::default() });
    };
    let status = table_status(schema, name, &state);
    let extras: Option<Stored> = match state {
        TableState::Streaming => read(destination, schema, &extras_stream(name)).await?,
        _ => None,
    };
    Ok(extras.map_or(status.clone(), |stored| shown(status, &stored)))
}

/// Says of what is left out that the source does not list it any more.
pub fn tell_gone(
    context: &SchemaContext,
    left_out: &mut BTreeMap<String, TableStatus>,
    listed: &BTreeSet<String>,
) {
    for (name, status) in left_out.iter_mut().filter(|(name, _)| !listed.contains(*name)) {
        status.help = Some(help_when_gone(context.name(), name));
    }
}

async fn listed(context: &SchemaContext) -> Result<BTreeSet<String>, RunError> {
    let source = context.open_source().await?;
    let shapes = source.get_schema(context.name()).await?;
    source.close().await;
    Ok(shapes.into_iter().map(|shape| shape.name).collect())
}

//! Where each table of a schema is in its life, from what is stored at the destination.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::runner::{
    attempt::check_owner,
    context::SchemaContext,
    error::RunError,
    parking::moment,
    state::{ASIDE, RUNNER, TableState, read, table_stream},
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

/// What is known of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableStatus {
    /// `pending`, `copying`, `streaming`, `again`, `parked`, `paused`, or `new`.
    pub state: &'static str,
    /// Since when it is left out, as in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why it is parked: a stable word, what happened, and what mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// Reads the states of the tables that the source has and the operator wants, and of those that are left out.
pub async fn status(context: &SchemaContext) -> Result<SchemaStatus, RunError> {
    let destination = context.open_destination().await?;
    let schema = context.name();
    check_owner(context, &destination).await?;
    let aside: Option<BTreeSet<String>> = read(&destination, schema, ASIDE).await?;
    let mut names = aside.unwrap_or_default();
    let unlisted = match listed(context).await {
        Ok(listed) => {
            names.extend(listed);
            None
        }
        Err(error) => Some(error),
    };
    let mut tables = BTreeMap::new();
    for name in names {
        let state: Option<TableState> = read(&destination, schema, &table_stream(&name)).await?;
        let status = table_status(schema, &name, state);
        tables.insert(name, status);
    }
    let is_held = destination.get_marker(schema, RUNNER).await?.is_some();
    destination.close().await;
    Ok(SchemaStatus { is_held, tables, unlisted })
}

async fn listed(context: &SchemaContext) -> Result<Vec<String>, RunError> {
    let source = context.open_source().await?;
    let shapes = source.get_schema(context.name()).await?;
    source.close().await;
    let names = shapes.into_iter().map(|shape| shape.name);
    Ok(names.filter(|name| context.selects(name)).collect())
}

fn table_status(schema: &str, name: &str, state: Option<TableState>) -> TableStatus {
    let word = state.as_ref().map_or("new", TableState::word);
    match state {
        Some(TableState::Parked { reason, .. }) => {
            let shown = reason.shown(schema, name);
            TableStatus {
                state: word,
                since: Some(shown.since),
                code: Some(shown.code),
                message: Some(shown.message),
                help: Some(shown.help),
            }
        }
        Some(TableState::Paused { since_s, .. }) => {
            TableStatus { state: word, since: Some(moment(since_s)), ..TableStatus::default() }
        }
        _ => TableStatus { state: word, ..TableStatus::default() },
    }
}

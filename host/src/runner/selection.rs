//! Remembers that a table was left out, for the day it is selected again.
//!
//! The position moves on without the changes of tables that are not selected. So in the commit that
//! begins such a run, before the position can move, a state that says a copy is there or under way
//! becomes [`TableState::Again`].
//!
//! Only selected tables get a state, so the others are looked up just once after each change of the
//! rules that select. A table that the source does not list at that time is not among them.

use super::{
    RunError,
    context::SchemaContext,
    deliver::Writer,
    journal::sha256,
    state::{SELECTION, TableState, forgotten, marker, read, table_stream},
};
use crate::model::Marker;

/// What is to be committed because these tables are not selected.
pub async fn set_aside(writer: &Writer, others: &[String]) -> Result<Vec<Marker>, RunError> {
    let (schema, destination) = (writer.context.name(), &writer.destination);
    let rules = rules(&writer.context).into_bytes();
    if destination.get_marker(schema, SELECTION).await?.as_ref() == Some(&rules) {
        return Ok(Vec::new());
    }
    let mut markers = vec![Marker { stream: SELECTION.into(), value: Some(rules) }];
    let mut aside = Vec::new();
    for name in others {
        let stream = table_stream(name);
        let Some(value) = destination.get_marker(schema, &stream).await? else { continue };
        match read(schema, &stream, &value)? {
            TableState::Snapshot { chunks } => markers.extend(forgotten(name, chunks)),
            TableState::Streaming | TableState::Pending { truncate: true, .. } => {}
            // Nothing was read of it yet, or it is said already.
            TableState::Pending { truncate: false, .. } | TableState::Again => continue,
        }
        markers.push(marker(stream, &TableState::Again));
        aside.push(name.as_str());
    }
    if !aside.is_empty() {
        tracing::info!(
            tables = aside.join(", "),
            "no longer selected: what changes from now on is missed, so these tables are emptied \
             and copied anew when they are selected again"
        );
    }
    Ok(markers)
}

/// Names the rules that select tables; other rules have another name.
fn rules(context: &SchemaContext) -> String {
    let (config, schema) = (&context.config, &context.schema);
    let lists = [
        &config.global_table_whitelist,
        &config.global_table_blacklist,
        &schema.table_whitelist,
        &schema.table_blacklist,
    ];
    sha256(&serde_json::to_vec(&lists).unwrap_or_default())
}

//! Ends a pipeline: what it has at its source goes, and what is stored of it at the destination.
//!
//! The tables that were copied stay, with their dead letters and the journal: they are the operator's.
//! The state goes last, so that a teardown that was cut off is found and finished by the next one. Until
//! then the stored position is one that its source refuses.

use std::collections::BTreeSet;

use super::status::is_held;
use crate::{
    model::Marker,
    plugin::{DestinationConnection, Released, SourceConnection},
    runner::{
        attempt::check_owner,
        context::SchemaContext,
        error::RunError,
        presence::Room,
        shapes::drop_at,
        state::{
            ASIDE, CHANGES, LAYOUT, PIPELINE, QUOTA, RUNNER, SELECTION, deletion, extras_stream,
            forget_chunks, read, shape_stream, table_stream, uncopied_stream,
        },
    },
};

/// What a schema's pipeline has, or had.
#[derive(Debug, Default)]
pub struct Teardown {
    /// Whether a run holds it, or one ended without giving it back.
    pub is_held: bool,
    /// What is at the source.
    pub source: Released,
    /// Whether the destination has a state of it: a position, and who it belongs to.
    pub has_state: bool,
    /// The tables whose state is stored.
    pub tables: Vec<String>,
}

impl Teardown {
    /// Whether nothing is there that could be removed.
    pub fn is_done(&self) -> bool {
        self.source.dropped.is_empty() && !self.has_state
    }
}

/// What a teardown would remove.
pub async fn foresee(context: &SchemaContext) -> Result<Teardown, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    let is_held = is_held(context, &destination).await?;
    let source = context.open_source().await?;
    let Stored { tables, markers, .. } = stored(context, &source, &destination).await?;
    destination.close().await;
    let released = source.release(context.name(), true).await?;
    source.close().await;
    Ok(Teardown { is_held, source: released, has_state: !markers.is_empty(), tables })
}

/// Removes it. A schema that a run holds is left alone, unless it is taken over.
pub async fn tear_down(context: &SchemaContext, take_over: bool) -> Result<Teardown, RunError> {
    let schema = context.name();
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    let is_held = is_held(context, &destination).await?;
    if is_held && !take_over {
        return Err(RunError::Held { schema: schema.to_owned() });
    }
    let source = context.open_source().await?;
    let has_state = !stored(context, &source, &destination).await?.markers.is_empty();
    let mut torn = Teardown { is_held, has_state, ..Teardown::default() };
    if has_state {
        // A run that goes on nevertheless writes nothing from here on (I3).
        let epoch = destination.claim_schema(schema, &context.run).await?;
        check_owner(context, &destination).await?;
        torn.source = source.release(schema, false).await?;
        // What a run stored before it was fenced goes, too.
        let Stored { tables, markers, keys } = stored(context, &source, &destination).await?;
        for keys in keys {
            drop_at(&destination, schema, epoch, &keys).await?;
        }
        destination.update_marker(schema, markers, epoch).await?;
        // Whoever still waits for another schema of the pipeline asks again.
        Room::new(&context.pipeline, &context.run).close(&destination).await?;
        torn.tables = tables;
    } else {
        torn.source = source.release(schema, false).await?;
    }
    source.close().await;
    destination.close().await;
    Ok(torn)
}

/// What is stored of a schema.
struct Stored {
    tables: Vec<String>,
    /// What deletes it.
    markers: Vec<Marker>,
    /// Tables of the keys of copies that were under way.
    keys: Vec<String>,
}

/// Looks for the state. A destination lists no markers, so tables are those that the source has, the
/// configuration names or that were left out; what is left of one that nobody names does no harm to a
/// pipeline that begins anew, since its state counts only beside a position.
async fn stored(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: &DestinationConnection,
) -> Result<Stored, RunError> {
    let schema = context.name();
    let mut stored = Stored { tables: Vec::new(), markers: Vec::new(), keys: Vec::new() };
    for table in names(context, source, destination).await? {
        let (chunks, keys) = forget_chunks(destination, schema, &table).await?;
        let state = present(destination, schema, table_stream(&table)).await?;
        let shape = present(destination, schema, shape_stream(&table)).await?;
        let uncopied = present(destination, schema, uncopied_stream(&table)).await?;
        let extras = present(destination, schema, extras_stream(&table)).await?;
        if state.is_some() || shape.is_some() {
            stored.tables.push(table);
        }
        stored
            .markers
            .extend(chunks.into_iter().chain(state).chain(shape).chain(uncopied).chain(extras));
        stored.keys.extend(keys);
    }
    for stream in [CHANGES, ASIDE, QUOTA, SELECTION, RUNNER, PIPELINE, LAYOUT] {
        stored.markers.extend(present(destination, schema, stream.to_owned()).await?);
    }
    Ok(stored)
}

async fn names(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: &DestinationConnection,
) -> Result<BTreeSet<String>, RunError> {
    let aside: Option<BTreeSet<String>> = read(destination, context.name(), ASIDE).await?;
    let mut names = aside.unwrap_or_default();
    let named = context.schema.tables.iter().filter(|table| !table.name.is_pattern());
    names.extend(named.map(|table| table.name.as_str().to_owned()));
    names.extend(source.get_schema(context.name()).await?.into_iter().map(|shape| shape.name));
    Ok(names)
}

/// What deletes a marker that is there.
async fn present(
    destination: &DestinationConnection,
    schema: &str,
    stream: String,
) -> Result<Option<Marker>, RunError> {
    let value = destination.get_marker(schema, &stream).await?;
    Ok(value.map(|_| deletion(stream)))
}

//! Remembers that a table was left out, for the day it is selected again.
//!
//! The position moves on without the changes of tables that are not selected. So in the commit that
//! begins such a run, before the position can move, a state that says a copy is there or under way
//! becomes [`TableState::Again`].
//!
//! Only selected tables get a state, so the others are looked up just once after each change of the
//! lists that select. A table that the source does not list at that time is not among them; when it
//! comes back, the lists of the last run tell that it was left out.

use crate::{
    config::TableLists,
    model::Marker,
    plugin::DestinationConnection,
    runner::{
        commit::Writer,
        context::SchemaContext,
        error::RunError,
        names::listed,
        state::{SELECTION, TableState, forgotten, marker, read, table_stream},
    },
};

/// What the run before selected.
pub struct Before {
    /// Its lists; none before a first run.
    lists: Option<TableLists>,
    /// What is to be committed because this run has other lists.
    pub markers: Vec<Marker>,
}

impl Before {
    /// Whether changes of the table may be missing because it was not selected.
    pub fn left_out(&self, table: &str) -> bool {
        self.lists.as_ref().is_some_and(|lists| !lists.selects(table))
    }
}

/// What the run before selected, and nothing to commit.
pub async fn before(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<Before, RunError> {
    let lists = read(destination, context.name(), SELECTION).await?;
    Ok(Before { lists, markers: Vec::new() })
}

/// Compares this run's lists with those of the run before; `others` are not selected.
pub async fn compare(writer: &Writer, others: &[String]) -> Result<Before, RunError> {
    let (context, destination) = (&writer.context, &writer.destination);
    let (schema, now) = (context.name(), context.config.table_lists(&context.schema));
    let before = before(context, destination).await?;
    if before.lists.as_ref() == Some(&now) {
        return Ok(before);
    }
    let mut markers = vec![marker(SELECTION.into(), &now)];
    let mut aside = Vec::new();
    for name in others {
        let stream = table_stream(name);
        let state: Option<TableState> = read(destination, schema, &stream).await?;
        let Some(state) = state.filter(|state| state.is_begun() && *state != TableState::Again)
        else {
            continue;
        };
        if let TableState::Snapshot { chunks } = state {
            markers.extend(forgotten(name, chunks));
        }
        markers.push(marker(stream, &TableState::Again));
        aside.push(name.as_str());
    }
    if !aside.is_empty() {
        tracing::info!(
            tables = listed(&aside),
            "no longer selected: what changes from now on is missed, so these tables are emptied \
             and copied anew when they are selected again"
        );
    }
    Ok(Before { markers, ..before })
}

//! Copies tables while the others are followed, in turns.
//!
//! Each turn of copying reads rows as they are by then, later than the stream stands, and commits them before the
//! stream goes on: it tells whatever changed since, so the last of a key is right (I4), as after a copy that the stream
//! overlaps as a whole. That asks for a source whose chunks are no older than the asking, and for rows with a key.

use std::{sync::Arc, time::Duration};

use crate::{
    model::Position,
    monitor::SchemaState,
    plugin::SourceConnection,
    runner::{
        commit::Writer,
        copy::{Copied, Copying, Turn, copy_tables},
        error::RunError,
        follow::follow_for,
        state::TableState,
    },
};

/// The others wait so long.
const COPYING: Duration = Duration::from_secs(2);
/// A source that always has more is followed so long before the copy goes on.
const FOLLOWING: Duration = Duration::from_secs(3);

/// Copies what was planned; where it was all, also the position behind what was followed meanwhile.
pub async fn copy(
    writer: &Arc<Writer>,
    source: &SourceConnection,
    copying: &Arc<Copying>,
    states: &[(String, TableState)],
    start: Position,
) -> Result<(Copied, Position), RunError> {
    if !may_take_turns(writer, states).await || !begin(writer, source).await? {
        return Ok((copy_tables(writer, copying, Turn::ENDLESS).await?, start));
    }
    writer.context.health.set(writer.context.name(), SchemaState::Streaming);
    tracing::info!("the other tables are followed meanwhile");
    let mut position = start;
    loop {
        let copied = copy_tables(writer, copying, Turn::of(COPYING)).await?;
        if copied != Copied::Left {
            // Whatever a copy saw is behind this.
            source.begin_turn(writer.context.name(), false).await?;
            return Ok((copied, position));
        }
        begin(writer, source).await?;
        let Some(last) = follow_for(writer, source, position.clone(), FOLLOWING).await? else {
            return Ok((Copied::Stopped, position));
        };
        position = last;
    }
}

/// Whether the source takes turns.
async fn begin(writer: &Writer, source: &SourceConnection) -> Result<bool, RunError> {
    Ok(source.begin_turn(writer.context.name(), true).await?)
}

/// Whether some tables wait for the copies of others, all of which may be changed by the stream meanwhile.
async fn may_take_turns(writer: &Writer, states: &[(String, TableState)]) -> bool {
    let tables = writer.tables.lock().await;
    let is_copied = |state: &TableState| !state.is_aside() && *state != TableState::Streaming;
    let copied = states.iter().filter(|(_, state)| is_copied(state));
    let mut copied = copied.filter_map(|(name, _)| tables.get(name));
    states.iter().any(|(_, state)| *state == TableState::Streaming)
        && copied.all(|table| table.may_change_while_copied())
}

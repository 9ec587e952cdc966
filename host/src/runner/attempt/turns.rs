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
        copy::{Copied, Turn, copy_tables, plan_copies},
        error::RunError,
        follow::follow_for,
        state::TableState,
    },
};

/// The others wait so long, and for one answer more of each reader.
const COPYING: Duration = Duration::from_secs(2);
/// A source that always has more is followed so long before the copy goes on.
const FOLLOWING: Duration = Duration::from_secs(3);

/// Copies every table that is not streaming yet; also the position behind what was followed meanwhile.
pub async fn copy(
    writer: &Arc<Writer>,
    source: &SourceConnection,
    states: Vec<(String, TableState)>,
    start: Position,
) -> Result<(Copied, Position), RunError> {
    let schema = writer.context.name();
    let others_wait = others_wait(writer, &states).await;
    let planned = plan_copies(writer, source, &start, states);
    let Some(copying) = writer.context.stop.run_until_cancelled(planned).await.transpose()? else {
        return Ok((Copied::Stopped, start));
    };
    let (mut position, mut is_told) = (start, false);
    loop {
        let takes_turns = others_wait && source.begin_turn(schema, true).await?;
        let turn = if takes_turns { Turn::of(COPYING) } else { Turn::ENDLESS };
        if takes_turns && !is_told {
            is_told = true;
            writer.context.health.set(schema, SchemaState::Streaming);
            tracing::info!("the other tables are followed meanwhile");
        }
        let copied = copy_tables(writer, &copying, turn).await?;
        if copied != Copied::Left {
            if takes_turns {
                // Whatever a copy saw is there by now.
                source.begin_turn(schema, false).await?;
            }
            return Ok((copied, position));
        }
        let Some(last) = follow_for(writer, source, position.clone(), FOLLOWING).await? else {
            return Ok((Copied::Stopped, position));
        };
        position = last;
    }
}

/// Whether tables wait for the copies of others, all of which may be changed by the stream meanwhile.
async fn others_wait(writer: &Writer, states: &[(String, TableState)]) -> bool {
    let tables = writer.tables.lock().await;
    let is_copied = |state: &TableState| !state.is_aside() && *state != TableState::Streaming;
    let copied = states.iter().filter(|(_, state)| is_copied(state));
    let mut copied = copied.filter_map(|(name, _)| tables.get(name));
    states.iter().any(|(_, state)| *state == TableState::Streaming)
        && copied.all(|table| table.may_change_while_copied())
}

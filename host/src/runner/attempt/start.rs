//! Where an attempt goes on from.

use super::{
    attempts::Attempts,
    park::{park, tell},
    selection::{self, Before},
};
use crate::{
    config::{Resync, WriteMode},
    model::{Marker, Position},
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        advice::full_resync,
        commit::Writer,
        context::SchemaContext,
        error::RunError,
        names::listed,
        shapes::{begins_with_copy, drop_keys, has_old_rows, has_other_rules, may_stay},
        state::{
            CHANGES, TableState, deletion, forgotten, marker, read, table_stream, uncopied_stream,
        },
    },
};

/// Where the stream goes on and what each table still needs. On a first run, or a full re-sync,
/// the stream's start is recorded here, before any row is read (I6); where tables are copied anew,
/// their new start.
pub async fn find_start(
    writer: &Writer,
    source: &SourceConnection,
    others: &[String],
    attempts: &mut Attempts,
) -> Result<(Position, Vec<(String, TableState)>), RunError> {
    let schema = writer.context.name();
    let stored = writer.destination.get_marker(schema, CHANGES).await?;
    attempts.beginning.seen(stored.as_ref());
    // Before a first run there is nothing to look for.
    let others = if stored.is_some() { others } else { &[] };
    let mut before = selection::compare(writer, others).await?;
    let markers = std::mem::take(&mut before.markers);
    let mut planned = Planned { markers, ..Planned::default() };
    planned.markers.extend(park(writer, attempts).await?);
    let known_position = stored.clone();
    let stored = stored.filter(|_| attempts.resync != Resync::All);
    let names: Vec<String> = writer.tables.lock().await.keys().cloned().collect();
    for name in names {
        planned.plan(writer, attempts, &before, stored.is_some(), name).await?;
    }
    let Planned { states, renewed, mut markers } = planned;
    let start = match stored {
        None => {
            attempts.beginning.make(&writer.context, source, known_position).await?;
            source.current_position(schema).await?
        }
        // Nothing is committed without need: an attempt that commits counts as progress.
        Some(bytes) if markers.is_empty() => {
            tell(writer, attempts, &states).await?;
            return Ok((Position(bytes), states));
        }
        Some(bytes) if renewed.is_empty() => Position(bytes),
        Some(bytes) => {
            tracing::info!(tables = listed(&renewed), "these tables begin anew in the stream");
            source.renew_tables(schema, &Position(bytes), &renewed).await?
        }
    };
    markers.push(Marker { stream: CHANGES.into(), value: Some(start.0.clone()) });
    let committed = writer.commit_markers(markers).await;
    attempts.beginning.committed(committed.as_ref().err());
    committed?;
    tell(writer, attempts, &states).await?;
    Ok((start, states))
}

/// What becomes of tables, and what makes it so.
#[derive(Default)]
struct Planned {
    states: Vec<(String, TableState)>,
    /// Those that begin anew in the stream.
    renewed: Vec<String>,
    markers: Vec<Marker>,
}

impl Planned {
    /// Decides about a table. `goes_on`: there is a stream, from the stored position on.
    async fn plan(
        &mut self,
        writer: &Writer,
        attempts: &Attempts,
        before: &Before,
        goes_on: bool,
        name: String,
    ) -> Result<(), RunError> {
        let stream = table_stream(&name);
        let known: Option<TableState> =
            read(&writer.destination, writer.context.name(), &stream).await?;
        let comes_back = |state: &TableState| state.is_aside() || *state == TableState::Again;
        let was_aside = known.as_ref().is_some_and(comes_back);
        let missed = (was_aside || before.left_out(&name))
            && known.as_ref().is_some_and(TableState::is_begun);
        let wanted = attempts.resync.includes(&name);
        if !wanted && goes_on && known.is_none() && has_old_rows(writer, &name).await? {
            // Its state is committed with the end of the old rows.
            self.states.push((name, TableState::AFTER_ANOTHER));
            return Ok(());
        }
        if missed && !wanted {
            check_may_empty(&writer.context, &name)?;
        }
        let is_otherwise = !wanted && is_copied_otherwise(writer, &name, known.as_ref()).await?;
        // Emptied, since what the stream has of it before its new start is left out.
        let truncate = wanted || missed || is_otherwise;
        let past = known.as_ref().filter(|_| goes_on);
        let mut next = next_state(past, truncate, attempts.position_lost);
        let is_new = !truncate && past.is_none_or(|state| *state == TableState::FIRST);
        let (context, is_later) = (&writer.context, goes_on && !before.left_out(&name));
        let is_followed_at_once =
            is_new && !begins_with_copy(context, &writer.destination, &name, is_later).await?;
        if is_followed_at_once {
            next = TableState::Streaming;
        }
        if goes_on && (truncate || was_aside || is_followed_at_once) {
            self.renewed.push(name.clone());
        }
        if let TableState::Pending { sweep, .. } = &mut next {
            *sweep = *sweep && rows_may_stay(writer, &name).await?;
        }
        if known.as_ref() != Some(&next) {
            let known_before = known.is_some();
            // What an unfinished snapshot says of its chunks must not be taken for the new one's.
            if let Some(TableState::Snapshot { chunks, keys }) = known {
                self.markers.extend(forgotten(&name, chunks));
                drop_keys(writer, keys).await?;
            }
            self.markers.push(marker(stream, &next));
            let uncopied = uncopied_stream(&name);
            if is_followed_at_once {
                self.markers.push(marker(uncopied, &true));
            } else if known_before && matches!(next, TableState::Pending { .. }) {
                self.markers.push(deletion(uncopied));
            }
        }
        self.states.push((name, next));
        Ok(())
    }
}

fn next_state(past: Option<&TableState>, truncate: bool, position_lost: bool) -> TableState {
    match past {
        Some(state) if !truncate && state.is_aside() => state.returned(),
        Some(state) if !truncate => state.clone(),
        _ => TableState::Pending { truncate, keep_shape: position_lost, sweep: truncate },
    }
}

/// Whether the rows of a table may stay until its new copy is complete.
async fn rows_may_stay(writer: &Writer, name: &str) -> Result<bool, RunError> {
    let tables = writer.tables.lock().await;
    let Some(table) = tables.get(name) else { return Ok(false) };
    may_stay(&writer.context, &writer.destination, table).await
}

/// Whether the destination has rows of the table that came by other rules.
async fn is_copied_otherwise(
    writer: &Writer,
    name: &str,
    state: Option<&TableState>,
) -> Result<bool, RunError> {
    if !state.is_some_and(TableState::is_copied) {
        return Ok(false);
    }
    let tables = writer.tables.lock().await;
    let Some(table) = tables.get(name) else { return Ok(false) };
    has_other_rules(&writer.context, &writer.destination, table).await
}

/// Refuses a log that a run would refuse for what it missed, without writing anything.
pub async fn foresee_missed(
    context: &SchemaContext,
    destination: &DestinationConnection,
    before: &Before,
    name: &str,
) -> Result<(), RunError> {
    let state: Option<TableState> = read(destination, context.name(), &table_stream(name)).await?;
    let Some(state) = state.filter(|state| state.is_begun() && !state.is_aside()) else {
        return Ok(());
    };
    if state == TableState::Again || before.left_out(name) {
        check_may_empty(context, name)?;
    }
    Ok(())
}

/// A log is not emptied for what it missed unless a person says so: its source cannot tell it again.
fn check_may_empty(context: &SchemaContext, table: &str) -> Result<(), RunError> {
    if context.table_settings(table).write_mode != WriteMode::Append {
        return Ok(());
    }
    Err(RunError::Unusable {
        what: format!(
            "table `{table}` was left out for a while, so its log lacks the changes of that time"
        ),
        help: format!(
            "begin the log anew with {}, which empties it (rename the table at the destination first to \
             keep it), or leave the table out",
            full_resync(context.name(), table)
        ),
    })
}

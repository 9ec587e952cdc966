//! Copies a table again while its rows stay, so that whoever reads the destination never finds fewer.
//!
//! The keys of what is copied go to a table of their own, in the commits of the rows. In the end the rows whose
//! keys are not there are what the source no longer has: they end in the commit that ends the copy. Where a
//! destination cannot do that, or says why this table is not one for it, the table is emptied first.

use super::turn::TurnEnd;
use crate::{
    model::{Action, Marker},
    plugin::PluginError,
    runner::{
        commit::Writer,
        error::RunError,
        reading::Asked,
        shapes::ask_to_drop,
        state::{StoredChunk, TableState, forgotten, marker, table_stream},
        table::{Keys, Table},
    },
};

/// Begins; false where the table has to be emptied instead.
pub async fn begin(
    writer: &Writer,
    name: &str,
    chunks: Vec<StoredChunk>,
) -> Result<bool, RunError> {
    let mut tables = writer.tables.lock().await;
    let Some(table) = tables.get_mut(name) else { return Ok(false) };
    let Some(keys) = Keys::of(table)? else { return Ok(false) };
    let keys_name = keys.plan.name.clone();
    if plan(writer, &keys).await?.is_some() {
        // What is left of another time may have other columns.
        ask_to_drop(writer, &keys_name).await?;
        if let Some(refusal) = plan(writer, &keys).await? {
            tell_emptied(writer, name, &refusal.to_string());
            return Ok(false);
        }
    }
    let state = TableState::Snapshot { chunks: chunks.clone(), keys: Some(keys_name.clone()) };
    let markers = vec![marker(table_stream(name), &state)];
    // An earlier copy may have committed a part after it was given up.
    let markers = markers.into_iter().chain(forgotten(name, chunks)).collect();
    if let Some(reason) = writer.begin_sweep(name, &keys_name, markers).await? {
        ask_to_drop(writer, &keys_name).await?;
        tell_emptied(writer, name, &reason);
        return Ok(false);
    }
    table.keys = Some(keys);
    Ok(true)
}

/// Goes on with a sweep that an earlier attempt began; false where it cannot be gone on with.
pub async fn go_on(writer: &Writer, name: &str, keys_name: &str) -> Result<bool, RunError> {
    let mut tables = writer.tables.lock().await;
    let Some(table) = tables.get_mut(name) else { return Ok(false) };
    let Some(keys) = Keys::of(table)?.filter(|keys| keys.plan.name == keys_name) else {
        return Ok(false);
    };
    // Made anew it would not have the keys of what was copied before.
    if !is_there(writer, &keys, table).await? || plan(writer, &keys).await?.is_some() {
        return Ok(false);
    }
    table.keys = Some(keys);
    Ok(true)
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// With the markers.
    Done,
    /// There was none.
    None,
    /// The turn is over: the next one goes on.
    Left,
    /// Somebody asked to stop: the next run goes on.
    Stopped,
}

/// Ends what is left over of a table whose copy is complete, and commits these markers with the last of it.
pub async fn end(
    writer: &Writer,
    name: &str,
    markers: &[Marker],
    turn_end: TurnEnd,
) -> Result<Swept, RunError> {
    let keys = {
        let tables = writer.tables.lock().await;
        let keys = tables.get(name).and_then(|table| table.keys.as_ref());
        keys.map(|keys| keys.plan.name.clone())
    };
    let Some(keys) = keys else { return Ok(Swept::None) };
    let mut ended = 0_u64;
    loop {
        let asked = Asked::now();
        let (rows, done) = writer.sweep(name, &keys, markers.to_vec()).await?;
        ended = ended.saturating_add(rows);
        if done {
            break;
        }
        if writer.context.stop.is_cancelled() {
            return Ok(Swept::Stopped);
        }
        if turn_end.is_past() {
            return Ok(Swept::Left);
        }
        if rows == 0 {
            asked.pause().await;
        }
    }
    if let Some(table) = writer.tables.lock().await.get_mut(name) {
        table.keys = None;
    }
    if ended > 0 && writer.context.source.log.admits("snapshots") {
        tracing::info!(table = name, rows = ended, "rows ended that the source no longer has");
    }
    Ok(Swept::Done)
}

/// Makes the table of keys; or why it cannot be.
async fn plan(writer: &Writer, keys: &Keys) -> Result<Option<PluginError>, RunError> {
    let (schema, epoch) = (writer.context.name(), writer.epoch);
    match writer.destination.create_table_if_not_exists(schema, &keys.plan, epoch).await {
        Ok(()) => Ok(None),
        Err(error) if error.action() == Action::Config => Ok(Some(error)),
        Err(error) => Err(error.into()),
    }
}

async fn is_there(writer: &Writer, keys: &Keys, table: &Table) -> Result<bool, RunError> {
    let schema = writer.context.name();
    let place = keys.place(&table.place(schema));
    let located = writer.destination.locate(schema, &[place]).await?;
    Ok(located.first().is_some_and(|location| location.exists && location.owner.is_some()))
}

fn tell_emptied(writer: &Writer, table: &str, reason: &str) {
    if writer.context.source.log.admits("snapshots") {
        tracing::info!(
            table,
            reason,
            "its rows cannot stay while it is copied again: it is emptied"
        );
    }
}

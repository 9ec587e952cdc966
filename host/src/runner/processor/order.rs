//! What an operator does to tables of a schema while no attempt of it is under way: pause, resume, copy again.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    config::{Resync, WriteMode},
    model::Marker,
    monitor::TableStatus,
    plugin::DestinationConnection,
    runner::{
        advice::{argument, full_resync},
        attempt::{check_owner, layout_marker},
        context::SchemaContext,
        error::RunError,
        parking::{now_s, table_status},
        state::{
            ASIDE, CHANGES, RUNNER, TableState, deletion, forget_chunks, marker, read, table_stream,
        },
    },
};

/// What is to become of tables; the configuration's `full_resync` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Leave them out from now on.
    Pause,
    /// Have those back that are parked or paused.
    Resume,
    /// Empty them and copy them again.
    Resync,
}

/// What became of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ordered {
    pub table: String,
    /// Its state before, in a word.
    pub was: &'static str,
    pub is: TableStatus,
}

/// Changes the states of tables.
pub async fn order(
    context: &SchemaContext,
    order: Order,
    take_over: bool,
) -> Result<Vec<Ordered>, RunError> {
    if context.resync() == Resync::None {
        return Ok(Vec::new());
    }
    let destination = context.open_destination().await?;
    let change = async || change(context, &destination, order).await;
    let ordered = in_one_commit(context, &destination, take_over, change).await?;
    destination.close().await;
    Ok(ordered)
}

/// Commits what `change` comes to, under a claim of its own: a run that began meanwhile is fenced. A schema
/// that a run holds is left alone, unless it is taken over.
pub async fn in_one_commit<T>(
    context: &SchemaContext,
    destination: &DestinationConnection,
    take_over: bool,
    change: impl AsyncFn() -> Result<(T, Vec<Marker>), RunError>,
) -> Result<T, RunError> {
    let schema = context.name();
    check_owner(context, destination).await?;
    check_at_rest(context, destination, take_over).await?;
    // A claim fences the run that holds the schema, so what cannot be done or changes nothing makes none.
    let (done, markers) = change().await?;
    if markers.is_empty() {
        return Ok(done);
    }
    let epoch = destination.claim_schema(schema, &context.run).await?;
    check_owner(context, destination).await?;
    // What a run stored before it was fenced counts.
    let (done, mut markers) = change().await?;
    markers.extend([deletion(RUNNER.into()), layout_marker()]);
    destination.update_marker(schema, markers, epoch).await?;
    Ok(done)
}

/// Refuses a schema that has no state yet, and one that a run holds, unless it is taken over.
pub async fn check_at_rest(
    context: &SchemaContext,
    destination: &DestinationConnection,
    take_over: bool,
) -> Result<(), RunError> {
    let schema = context.name();
    if destination.get_marker(schema, CHANGES).await?.is_none() {
        return Err(RunError::Unusable {
            what: format!("schema `{schema}` has no state at the destination yet"),
            help: "run it first; what is not to be copied at all is for `table_blacklist`".into(),
        });
    }
    let holder = destination.get_marker(schema, RUNNER).await?;
    // What an attempt of this process could not give back is its own.
    if !take_over && holder.is_some_and(|run| run != context.run.as_bytes()) {
        return Err(RunError::Held { schema: schema.to_owned() });
    }
    Ok(())
}

/// Makes this process the schema's only writer, whoever was it. It holds nothing that it would have to give back.
pub async fn claim(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<u64, RunError> {
    destination.create_schema_if_not_exists(context.destination_schema()).await?;
    let epoch = destination.claim_schema(context.name(), &context.run).await?;
    check_owner(context, destination).await?;
    let markers = vec![deletion(RUNNER.into()), layout_marker()];
    destination.update_marker(context.name(), markers, epoch).await?;
    Ok(epoch)
}

/// What becomes of each table, and what makes it so.
async fn change(
    context: &SchemaContext,
    destination: &DestinationConnection,
    order: Order,
) -> Result<(Vec<Ordered>, Vec<Marker>), RunError> {
    let schema = context.name();
    let aside: Option<BTreeSet<String>> = read(destination, schema, ASIDE).await?;
    let mut aside = aside.unwrap_or_default();
    let names: Vec<String> = match context.resync() {
        Resync::Tables(names) => names.as_slice().to_vec(),
        Resync::All => aside.iter().cloned().collect(),
        Resync::None => Vec::new(),
    };
    let (mut ordered, mut markers) = (Vec::new(), Vec::new());
    for name in names {
        let stream = table_stream(&name);
        let state: Option<TableState> = read(destination, schema, &stream).await?;
        let Some(state) = state else { return Err(unknown(context, &name)) };
        let is_log = context.table_settings(&name).write_mode == WriteMode::Append;
        let next = next_state(order, (schema, &name), &state, is_log && state.is_begun())?;
        let is = table_status(schema, &name, &next);
        ordered.push(Ordered { table: name.clone(), was: state.word(), is });
        if next == state {
            continue;
        }
        // The next copy takes the table of keys over.
        let (chunks, _) = forget_chunks(destination, schema, &name).await?;
        markers.extend(chunks);
        markers.push(marker(stream, &next));
        if next.is_aside() {
            aside.insert(name)
        } else {
            aside.remove(&name)
        };
    }
    if !markers.is_empty() {
        markers.push(marker(ASIDE.into(), &aside));
    }
    Ok((ordered, markers))
}

fn next_state(
    order: Order,
    (schema, name): (&str, &str),
    state: &TableState,
    is_log: bool,
) -> Result<TableState, RunError> {
    if is_log {
        return Err(RunError::Unusable {
            what: format!("table `{name}` is a log, which its source cannot tell again"),
            help: format!("`run {}` empties it and begins it anew", full_resync(schema, name)),
        });
    }
    match order {
        Order::Pause if matches!(state, TableState::Paused { .. }) => Ok(state.clone()),
        Order::Pause => Ok(TableState::Paused { since_s: now_s(), back: state.back() }),
        Order::Resync => Ok(state.returned()),
        Order::Resume if state.is_aside() => Ok(state.returned()),
        Order::Resume => Err(RunError::Unusable {
            what: format!("table `{name}` is neither parked nor paused: it is {}", state.word()),
            help: format!("`cartridge-warp resync {}` has it copied again", argument(schema, name)),
        }),
    }
}

pub fn unknown(context: &SchemaContext, table: &str) -> RunError {
    let schema = context.name();
    RunError::Unusable {
        what: format!("schema `{schema}` has no table `{table}` that was ever copied"),
        help: "`cartridge-warp status` lists its tables".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_from_orders() {
        let streaming = TableState::Streaming;
        let paused = TableState::Paused { since_s: 1, back: streaming.back() };
        let first = TableState::FIRST;
        let cases = [
            (Order::Pause, &streaming, false, Ok("paused")),
            (Order::Pause, &paused, false, Ok("paused")),
            (Order::Pause, &streaming, true, Err("is a log")),
            (Order::Resume, &paused, false, Ok("again")),
            (Order::Resume, &streaming, false, Err("neither parked nor paused")),
            (Order::Resync, &paused, false, Ok("again")),
            (Order::Resync, &streaming, false, Ok("again")),
            (Order::Resync, &first, false, Ok("pending")),
        ];
        for (order, state, is_log, expected) in cases {
            let next = next_state(order, ("s", "t"), state, is_log);
            match expected {
                Ok(word) => assert_eq!(next.unwrap().word(), word, "{order:?} {state:?}"),
                Err(words) => {
                    let said = next.unwrap_err().to_string();
                    assert!(said.contains(words), "{order:?} {state:?}: {said}");
                }
            }
        }
    }
}

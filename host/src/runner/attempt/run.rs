//! One attempt to run a schema: open both plugins, find the way back, snapshot, stream.
//!
//! An attempt that fails leaves nothing behind but what it committed; the next one starts from
//! there. That is the whole of error recovery (I9: no instance outlives an error).

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use super::{
    attempts::Attempts,
    claim::{Claim, abandoned_by, claim},
    named::check_copied,
    owner::check_owner,
    start::find_start,
    tables::{Selection, select_tables},
    turns,
};
use crate::{
    config::Resync,
    monitor::SchemaState,
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        commit::{Ending, Entry, Failed, Writer},
        context::SchemaContext,
        copy::Copied,
        error::RunError,
        extras::beside,
        findings::Findings,
        follow::{StreamEnd, follow},
        presence::Holding,
        shapes::{copy_named_again, prepare_tables},
        side::check_apart,
        starts::Start,
        state::{RUNNER, TableState, deletion},
        table::Tables,
    },
};

/// Runs a schema until it ends or fails.
pub async fn run(
    context: &Arc<SchemaContext>,
    attempts: &mut Attempts,
) -> Result<StreamEnd, RunError> {
    (attempts.commits, attempts.streamed) = (0, false);
    let Some(turn) = context.stop.run_until_cancelled(context.starts.turn()).await else {
        return Ok(StreamEnd::Stopped);
    };
    // An order may need the state that the first attempt makes, so it does not end that one as early as the end of
    // the run does. The claim is awaited: it has to be given back.
    let is_first = !context.takeover.has_claimed();
    let ends = if is_first { attempts.run_ends.clone() } else { context.stop.clone() };
    let looked = tokio::select! {
        () = ends.cancelled() => return Ok(StreamEnd::Stopped),
        looked = look(context, attempts) => looked,
        full = context.retained.full() => Err(full),
    };
    let opened = match looked {
        Ok(looked) => tokio::select! {
            opened = open(context, attempts, looked) => opened,
            full = context.retained.full() => Err(full),
        },
        Err(error) => Err(error),
    };
    let Opened { source, writer, others, holding } = match opened {
        Ok(opened) => opened,
        Err(error) => {
            attempts.unrecorded = Some(Failed::now(&error));
            return Err(error);
        }
    };
    let ended = match run_claimed(&writer, &source, &others, attempts, turn).await {
        Err(error) => Err(copy_named_again(&writer, error).await),
        ended => ended,
    };
    attempts.commits = writer.commits();
    record_end(&writer, &ended, attempts).await;
    drop(holding);
    let ended = ended?;
    source.close().await;
    if let Ok(writer) = Arc::try_unwrap(writer).map_err(drop) {
        writer.close().await;
    }
    Ok(ended)
}

/// Both sides, ready.
struct Opened {
    source: SourceConnection,
    writer: Arc<Writer>,
    /// Tables of the source that are not selected.
    others: Vec<String>,
    holding: Holding,
}

/// Both sides as they were found.
struct Looked {
    source: SourceConnection,
    destination: DestinationConnection,
    tables: Tables,
    others: Vec<String>,
    aside: BTreeSet<String>,
    failed: Vec<Failed>,
}

/// Opens both sides and looks at their tables, without writing anything.
async fn look(context: &Arc<SchemaContext>, attempts: &mut Attempts) -> Result<Looked, RunError> {
    let destination = context.open_destination().await?;
    let abandoned = abandoned_by(context, &destination).await?;
    attempts.abandoned = abandoned.or_else(|| attempts.abandoned.take());
    let source = context.open_source_after(attempts.abandoned.as_deref()).await?;
    // Before either side changes anything.
    check_apart(&source, &destination, context.name(), context.destination_schema()).await?;
    check_owner(context, &destination).await?;
    let findings = &mut Findings::of_tables(attempts.parking(context));
    let past = Some(&*attempts);
    let Selection { tables, others, listed, aside, .. } =
        select_tables(context, &source, Some(&destination), past, findings).await?;
    check_copied(context, attempts.resync.named(), &tables, "full_resync")?;
    attempts.followed = tables.keys().cloned().collect();
    attempts.gone = aside.difference(&listed).cloned().collect();
    attempts.aside.clone_from(&aside);
    let mut failed = Vec::new();
    for error in findings.drain() {
        if !attempts.park(context, &error) {
            return Err(error);
        }
        failed.push(Failed::now(&error));
    }
    Ok(Looked { source, destination, tables, others, aside, failed })
}

/// Makes this process the schema's writer.
async fn open(
    context: &Arc<SchemaContext>,
    attempts: &mut Attempts,
    looked: Looked,
) -> Result<Opened, RunError> {
    let Looked { source, destination, tables, others, aside, failed } = looked;
    let Claim { epoch, abandoned } = claim(context, &destination).await?;
    let holding = context.held.hold(context.name(), &destination);
    context.letters.ask(&destination).await?;
    let aside = aside.into_iter().chain(attempts.failing.keys().cloned()).collect();
    let writer = Arc::new(Writer::new(Arc::clone(context), destination, epoch, tables, aside));
    if let Some(run) = abandoned {
        writer.journal.write(&Entry::Abandoned { run: &run }).await;
    }
    for failed in attempts.unrecorded.take().into_iter().chain(failed) {
        writer.journal.write(&Entry::Failed(&failed)).await;
    }
    writer.journal.write(&Entry::Started).await;
    Ok(Opened { source, writer, others, holding })
}

/// Tells the journal, and gives the schema back.
async fn record_end(writer: &Writer, ended: &Result<StreamEnd, RunError>, attempts: &mut Attempts) {
    let ending = match ended {
        Ok(StreamEnd::Stopped) => Ending::Cancelled,
        Ok(StreamEnd::CaughtUp) => Ending::Completed,
        Err(error) => {
            let failed = Failed::now(error);
            if !writer.journal.write(&Entry::Failed(&failed)).await {
                // It may be the destination itself that is gone.
                attempts.unrecorded = Some(failed);
                return;
            }
            Ending::Failed(error)
        }
    };
    writer.journal.write(&Entry::Ended(ending)).await;
    let given_back = vec![deletion(RUNNER.into())];
    let schema = writer.context.name();
    if let Err(error) = writer.destination.update_marker(schema, given_back, writer.epoch).await {
        // A newer runner has it, or the destination is gone: nothing is left to give back.
        tracing::debug!(error = error.to_string(), "the schema could not be given back");
    }
}

/// Makes the tables ready; what is wrong with several of them is found in one attempt.
async fn prepare(
    writer: &Writer,
    states: &[(String, TableState)],
    attempts: &mut Attempts,
) -> Result<(), RunError> {
    let context = &writer.context;
    let findings = &mut Findings::of_tables(attempts.parking(context));
    let prepared = prepare_tables(writer, states, findings).await;
    let mut failed = findings.drain().into_iter();
    let Some(first) = failed.next() else { return prepared };
    // The first is the attempt's own error.
    failed.for_each(|error| {
        attempts.park(context, &error);
    });
    Err(first)
}

async fn run_claimed(
    writer: &Arc<Writer>,
    source: &SourceConnection,
    others: &[String],
    attempts: &mut Attempts,
    turn: Start,
) -> Result<StreamEnd, RunError> {
    let context = &writer.context;
    let (start, states) = find_start(writer, source, others, attempts).await?;
    // From here on the stored states say it.
    (attempts.resync, attempts.position_lost) = (Resync::None, false);
    context.resync_left.store(false, Ordering::Relaxed);
    attempts.failing.clear();
    attempts.begun.cancel();
    // However many tables there are: what was made of it is made once more, which changes nothing.
    let prepared = context.stop.run_until_cancelled(prepare(writer, &states, attempts)).await;
    let Some(()) = prepared.transpose()? else { return Ok(StreamEnd::Stopped) };
    context.health.set_started();
    context.health.set(context.name(), SchemaState::Snapshotting);
    context.retained.commit(&start);
    let (copied, start) = tokio::select! {
        copied = turns::copy(writer, source, states, start) => copied?,
        full = context.retained.full() => return Err(full),
    };
    if copied == Copied::Stopped {
        return Ok(StreamEnd::Stopped);
    }
    context.health.set(context.name(), SchemaState::Streaming);
    tracing::info!("following changes");
    drop(turn);
    if context.schema.tables.iter().any(|table| table.where_clause.is_some()) {
        // What a change leaves out may decide about its row, and a row that comes into `where` is whole.
        source.begin_turn(context.name(), true).await?;
    }
    let commits = writer.commits();
    let ended = tokio::select! {
        ended = beside(writer, follow(writer, source, start, context.ends_when_caught_up())) => ended,
        full = context.retained.full() => Err(full),
    };
    attempts.streamed = writer.commits() > commits;
    ended
}

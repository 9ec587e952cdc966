//! One attempt to run a schema: open both plugins, find the way back, snapshot, stream.
//!
//! An attempt that fails leaves nothing behind but what it committed; the next one starts from
//! there. That is the whole of error recovery (I9: no instance outlives an error).

use std::sync::Arc;

use super::{
    RunError,
    context::SchemaContext,
    deliver::{Tables, Writer},
    journal::{Ending, Entry, Failed},
    names::listed,
    quota,
    registry::prepare_tables,
    selection,
    snapshot::{Copied, copy_tables},
    state::{CHANGES, RUNNER, TableState, deletion, forgotten, marker, read, table_stream},
    stream::{StreamEnd, follow},
    table::{Promises, Table},
};
use crate::{
    config::{Resync, WriteMode},
    model::{Marker, Position},
    monitor::SchemaState,
    plugin::{DestinationConnection, SourceConnection},
};

/// What earlier attempts of this process leave to the next one.
#[derive(Debug, Default)]
pub struct Attempts {
    /// This process has claimed the schema before.
    pub claimed: bool,
    /// What is to be copied anew, as long as that is not committed.
    pub resync: Resync,
    /// The re-sync is for a lost position, not because a person wants it: the shapes that were
    /// remembered are kept, so that columns stay as wide as they became.
    pub position_lost: bool,
    /// Commits of the attempt that ended last.
    pub commits: u64,
    /// Whether some of them were of the change stream.
    pub streamed: bool,
    /// The last failure that is not in the journal yet.
    pub unrecorded: Option<Failed>,
}

/// Runs a schema until it ends or fails.
pub async fn run(
    context: &Arc<SchemaContext>,
    attempts: &mut Attempts,
) -> Result<StreamEnd, RunError> {
    (attempts.commits, attempts.streamed) = (0, false);
    let Opened { source, writer, others } = match open(context, attempts).await {
        Ok(opened) => opened,
        Err(error) => {
            attempts.unrecorded = Some(Failed::now(&error));
            return Err(error);
        }
    };
    let ended = run_claimed(&writer, &source, &others, attempts).await;
    attempts.commits = writer.commits();
    record_end(&writer, &ended, attempts).await;
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
}

/// Opens both sides and makes this process the schema's writer.
async fn open(context: &Arc<SchemaContext>, attempts: &mut Attempts) -> Result<Opened, RunError> {
    let source = open_source(context).await?;
    let Selection { tables, others } = select_tables(context, &source).await?;
    check_named(context, attempts.resync.named(), &tables, "full_resync")?;
    let destination = open_destination(context).await?;
    let Claim { epoch, abandoned } = claim(context, &destination, attempts).await?;
    let writer = Arc::new(Writer::new(Arc::clone(context), destination, epoch, tables));
    if let Some(run) = abandoned {
        writer.journal.write(&Entry::Abandoned { run: &run }).await;
    }
    if let Some(failed) = attempts.unrecorded.take() {
        writer.journal.write(&Entry::Failed(&failed)).await;
    }
    writer.journal.write(&Entry::Started).await;
    Ok(Opened { source, writer, others })
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

async fn run_claimed(
    writer: &Arc<Writer>,
    source: &SourceConnection,
    others: &[String],
    attempts: &mut Attempts,
) -> Result<StreamEnd, RunError> {
    let context = &writer.context;
    let (resync, keep_shapes) = (&attempts.resync, attempts.position_lost);
    let (start, states) = find_start(writer, source, others, resync, keep_shapes).await?;
    // From here on the stored states say it.
    (attempts.resync, attempts.position_lost) = (Resync::None, false);
    prepare_tables(writer, &states).await?;
    context.health.set_started();
    context.health.set(context.name(), SchemaState::Snapshotting);
    if copy_tables(writer, source, &start, states).await? == Copied::Stopped {
        return Ok(StreamEnd::Stopped);
    }
    context.health.set(context.name(), SchemaState::Streaming);
    tracing::info!("following changes");
    let commits = writer.commits();
    let ended = follow(writer, source, start, context.ends_when_caught_up()).await;
    attempts.streamed = writer.commits() > commits;
    ended
}

pub(super) async fn open_source(context: &SchemaContext) -> Result<SourceConnection, RunError> {
    let endpoint = &context.source;
    let settings = endpoint.connect_settings().await?;
    Ok(SourceConnection::open(&endpoint.plugin, settings).await?)
}

pub(super) async fn open_destination(
    context: &SchemaContext,
) -> Result<DestinationConnection, RunError> {
    let endpoint = &context.destination;
    let settings = endpoint.connect_settings().await?;
    Ok(DestinationConnection::open(&endpoint.plugin, settings).await?)
}

/// The tables of a source.
pub(super) struct Selection {
    /// Those that the operator wants.
    pub tables: Tables,
    pub others: Vec<String>,
}

/// Tells the source which of its tables the operator wants.
pub(super) async fn select_tables(
    context: &SchemaContext,
    source: &SourceConnection,
) -> Result<Selection, RunError> {
    let shapes = source.get_schema(context.name()).await?;
    let listed = shapes.iter().map(|shape| shape.name.clone());
    let (selected, others): (Vec<String>, Vec<String>) =
        listed.partition(|name| context.selects(name));
    if selected.is_empty() {
        return Err(RunError::NoTables { schema: context.name().to_owned(), listed: others });
    }
    // Before our own checks: the source knows what helps against what it cannot follow.
    source.select_tables(context.name(), &selected).await?;
    let promises = Promises::of(&context.source.plugin.info, &context.destination.plugin.info);
    let mut tables = Tables::new();
    for shape in shapes.into_iter().filter(|shape| context.selects(&shape.name)) {
        let settings = context.table_settings(&shape.name);
        let name = shape.name.clone();
        let table = Table::new(shape, settings, promises)?;
        quota::check_columns(context, &table)?;
        tables.insert(name, table);
    }
    if let Some(last) = tables.keys().next_back() {
        quota::check_tables(context, &tables, last)?;
    }
    let configured = context.schema.tables.iter().map(|table| table.name.clone());
    let wanted: Vec<String> = configured.filter(|name| context.selects(name)).collect();
    check_named(context, &wanted, &tables, "tables")?;
    Ok(Selection { tables, others })
}

/// A table that a key of the configuration names and that is not copied is a typing mistake.
pub(super) fn check_named(
    context: &SchemaContext,
    named: &[String],
    tables: &Tables,
    key: &str,
) -> Result<(), RunError> {
    let Some(missing) = named.iter().find(|name| !tables.contains_key(name.as_str())) else {
        return Ok(());
    };
    let copied: Vec<&str> = tables.keys().map(String::as_str).collect();
    Err(RunError::Unusable {
        what: format!(
            "`{key}` names `{missing}`, and schema `{}` has no such table to copy",
            context.name()
        ),
        help: format!("it has {}", listed(&copied)),
    })
}

/// Makes this process the schema's only writer (I3).
///
/// A new attempt claims anew, so that a commit of the last one that is still under way in the
/// destination comes either before this claim or not at all. It must not take the schema back from
/// a runner that was started since: then the marker names that one.
async fn claim(
    context: &SchemaContext,
    destination: &DestinationConnection,
    attempts: &mut Attempts,
) -> Result<Claim, RunError> {
    let schema = context.name();
    destination.create_schema_if_not_exists(schema).await?;
    let holder = destination.get_marker(schema, RUNNER).await?;
    let other = holder.filter(|run| run != context.run.as_bytes());
    if attempts.claimed && other.is_some() {
        return Err(RunError::Fenced { schema: schema.to_owned() });
    }
    let epoch = destination.claim_schema(schema, &context.run).await?;
    let runner = Marker { stream: RUNNER.into(), value: Some(context.run.clone().into_bytes()) };
    destination.update_marker(schema, vec![runner], epoch).await?;
    attempts.claimed = true;
    let abandoned = other.and_then(|run| String::from_utf8(run).ok());
    Ok(Claim { epoch, abandoned })
}

/// The schema is ours.
struct Claim {
    epoch: u64,
    /// The run that held it and did not give it back.
    abandoned: Option<String>,
}

/// Where the stream goes on and what each table still needs. On a first run, or a full re-sync,
/// the stream's start is recorded here, before any row is read (I6); where tables are copied anew,
/// their new start.
async fn find_start(
    writer: &Writer,
    source: &SourceConnection,
    others: &[String],
    resync: &Resync,
    keep_shapes: bool,
) -> Result<(Position, Vec<(String, TableState)>), RunError> {
    let schema = writer.context.name();
    let stored = writer.destination.get_marker(schema, CHANGES).await?;
    // Before a first run there is nothing to look for.
    let others = if stored.is_some() { others } else { &[] };
    let mut before = selection::compare(writer, others).await?;
    let mut markers = std::mem::take(&mut before.markers);
    let stored = stored.filter(|_| *resync != Resync::All);
    let names: Vec<String> = writer.tables.lock().await.keys().cloned().collect();
    let mut states = Vec::with_capacity(names.len());
    let mut renewed = Vec::new();
    for name in names {
        let stream = table_stream(&name);
        let known: Option<TableState> = read(&writer.destination, schema, &stream).await?;
        let missed = known == Some(TableState::Again)
            || (before.left_out(&name) && known.as_ref().is_some_and(TableState::is_begun));
        let wanted = resync.includes(&name);
        if missed && !wanted {
            check_may_empty(&writer.context, &name)?;
        }
        // Emptied, since what the stream has of it before its new start is left out.
        let truncate = wanted || missed;
        if truncate && stored.is_some() {
            renewed.push(name.clone());
        }
        let next = match &known {
            Some(state) if stored.is_some() && !truncate => state.clone(),
            _ => TableState::Pending { truncate, keep_shape: keep_shapes },
        };
        if known.as_ref() != Some(&next) {
            // What an unfinished snapshot says of its chunks must not be taken for the new one's.
            if let Some(TableState::Snapshot { chunks }) = known {
                markers.extend(forgotten(&name, chunks));
            }
            markers.push(marker(stream, &next));
        }
        states.push((name, next));
    }
    let start = match stored {
        None => source.current_position(schema).await?,
        // Nothing is committed without need: an attempt that commits counts as progress.
        Some(bytes) if markers.is_empty() => return Ok((Position(bytes), states)),
        Some(bytes) if renewed.is_empty() => Position(bytes),
        Some(bytes) => {
            tracing::info!(tables = listed(&renewed), "copying tables anew");
            source.renew_tables(schema, &Position(bytes), &renewed).await?
        }
    };
    markers.push(Marker { stream: CHANGES.into(), value: Some(start.0.clone()) });
    writer.commit_markers(markers).await?;
    Ok((start, states))
}

/// A log is not emptied for what it missed unless a person says so: its source cannot tell it again.
fn check_may_empty(context: &SchemaContext, table: &str) -> Result<(), RunError> {
    if context.table_settings(table).write_mode != WriteMode::Append {
        return Ok(());
    }
    Err(RunError::Unusable {
        what: format!(
            "table `{table}` was not selected for a while, so its log lacks the changes of that time"
        ),
        help: format!(
            "begin the log anew with --full-resync={table}, which empties it (rename the table at \
             the destination first to keep it), or leave the table out"
        ),
    })
}

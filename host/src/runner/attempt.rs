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
    registry::prepare_tables,
    snapshot::{Copied, copy_tables},
    state::{CHANGES, RUNNER, TableState, deletion, forgotten, marker, read, table_stream},
    stream::{StreamEnd, follow},
    table::{Promises, Table},
};
use crate::{
    model::{Marker, Position},
    monitor::SchemaState,
    plugin::{DestinationConnection, SourceConnection},
};

/// What earlier attempts of this process leave to the next one.
#[derive(Debug, Default)]
pub struct Attempts {
    /// This process has claimed the schema before.
    pub claimed: bool,
    /// A full re-sync that is not yet committed.
    pub resync: Option<Resync>,
    /// Commits of the attempt that ended last.
    pub commits: u64,
    /// Whether some of them were of the change stream.
    pub streamed: bool,
    /// The last failure that is not in the journal yet.
    pub unrecorded: Option<Failed>,
}

/// Why everything is copied anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// A person wants it: the shapes that were remembered are forgotten.
    Asked,
    /// The source lost the position. Shapes are kept, so that columns stay as wide as they became.
    PositionLost,
}

/// Runs a schema until it ends or fails.
pub async fn run(
    context: &Arc<SchemaContext>,
    attempts: &mut Attempts,
) -> Result<StreamEnd, RunError> {
    (attempts.commits, attempts.streamed) = (0, false);
    let (source, writer) = match open(context, attempts).await {
        Ok(opened) => opened,
        Err(error) => {
            attempts.unrecorded = Some(Failed::now(&error));
            return Err(error);
        }
    };
    let ended = run_claimed(&writer, &source, attempts).await;
    attempts.commits = writer.commits();
    record_end(&writer, &ended, attempts).await;
    let ended = ended?;
    source.close().await;
    if let Ok(writer) = Arc::try_unwrap(writer).map_err(drop) {
        writer.close().await;
    }
    Ok(ended)
}

/// Opens both sides and makes this process the schema's writer.
async fn open(
    context: &Arc<SchemaContext>,
    attempts: &mut Attempts,
) -> Result<(SourceConnection, Arc<Writer>), RunError> {
    let source = open_source(context).await?;
    let tables = select_tables(context, &source).await?;
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
    Ok((source, writer))
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
    attempts: &mut Attempts,
) -> Result<StreamEnd, RunError> {
    let context = &writer.context;
    let resync = attempts.resync;
    let (start, states) = find_start(writer, source, resync.is_some()).await?;
    prepare_tables(writer, resync == Some(Resync::Asked)).await?;
    attempts.resync = None;
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
    Ok(SourceConnection::open(&endpoint.plugin, endpoint.settings.clone()).await?)
}

pub(super) async fn open_destination(
    context: &SchemaContext,
) -> Result<DestinationConnection, RunError> {
    let endpoint = &context.destination;
    Ok(DestinationConnection::open(&endpoint.plugin, endpoint.settings.clone()).await?)
}

/// The source's tables that the operator wants.
pub(super) async fn select_tables(
    context: &SchemaContext,
    source: &SourceConnection,
) -> Result<Tables, RunError> {
    let promises = Promises::of(&context.source.plugin.info);
    let shapes = source.get_schema(context.name()).await?;
    let mut tables = Tables::new();
    let mut listed = Vec::new();
    for shape in shapes {
        listed.push(shape.name.clone());
        if context.selects(&shape.name) {
            let settings = context.table_settings(&shape.name);
            tables.insert(shape.name.clone(), Table::new(shape, settings, promises)?);
        }
    }
    if tables.is_empty() {
        return Err(RunError::NoTables { schema: context.name().to_owned(), listed });
    }
    check_listed(context, &tables)?;
    let names: Vec<String> = tables.keys().cloned().collect();
    source.select_tables(context.name(), &names).await?;
    Ok(tables)
}

/// A table with settings of its own that the source does not have is a typing mistake.
fn check_listed(context: &SchemaContext, tables: &Tables) -> Result<(), RunError> {
    let missing = context
        .schema
        .tables
        .iter()
        .find(|table| context.selects(&table.name) && !tables.contains_key(&table.name));
    match missing {
        None => Ok(()),
        Some(table) => Err(RunError::Unusable {
            what: format!("schema `{}` has no table `{}`", context.name(), table.name),
            help: format!(
                "the source has {}",
                tables.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        }),
    }
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
/// the stream's start is recorded here, before any row is read (I6).
async fn find_start(
    writer: &Writer,
    source: &SourceConnection,
    resync: bool,
) -> Result<(Position, Vec<(String, TableState)>), RunError> {
    let schema = writer.context.name();
    let stored = writer.destination.get_marker(schema, CHANGES).await?;
    let names: Vec<String> = writer.tables.lock().await.keys().cloned().collect();
    let (start, fresh) = match stored {
        Some(bytes) if !resync => (Position(bytes), false),
        _ => (source.current_position(schema).await?, true),
    };
    let mut states = Vec::with_capacity(names.len());
    let mut markers = Vec::new();
    for name in names {
        let stream = table_stream(&name);
        let known = match writer.destination.get_marker(schema, &stream).await? {
            Some(value) => Some(read(schema, &stream, &value)?),
            None => None,
        };
        let state = match known {
            Some(state) if !fresh => state,
            known => {
                // What an unfinished snapshot says of its chunks must not be taken for the new one's.
                if let Some(TableState::Snapshot { chunks }) = known {
                    markers.extend(forgotten(&name, chunks));
                }
                let state = TableState::Pending { truncate: resync };
                markers.push(marker(stream, &state));
                state
            }
        };
        states.push((name, state));
    }
    if fresh {
        markers.push(Marker { stream: CHANGES.into(), value: Some(start.0.clone()) });
    }
    if !markers.is_empty() {
        writer.commit_markers(markers).await?;
    }
    Ok((start, states))
}

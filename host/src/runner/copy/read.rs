//! Copies tables as they stand, by chunks, several at once.
//!
//! The change stream's start is committed before the first row is read (I6); each chunk's cursor is
//! committed with its rows (I2), so a snapshot that was cut off goes on where it stopped. Readers
//! have instances of their own; how many connections they commit over is [`Lane`]'s to say.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::task::JoinSet;
use tracing::Instrument;

use super::{
    lane::Lane,
    progress::SnapshotProgress,
    queue::{Job, JobQueue},
    sweep::{self, Swept},
    turn::{Turn, TurnEnd},
};
use crate::{
    model::{Action, Chunk, Position},
    plugin::{Cause, PluginError, ReadLimits, SnapshotBatch, SourceConnection},
    runner::{
        commit::{Sibling, Writer},
        deliver::{Commit, deliver, deliver_over},
        error::RunError,
        parking::table_status,
        reading::{Asked, BYTES_MAX, Heartbeat, Rate, ReadAhead, Waiting, pace, read_ahead},
        shapes::evolve,
        state::{
            ChunkProgress, TableState, chunk_stream, deletion, extras_stream, forget_chunks,
            forgotten, marker, read, table_stream,
        },
    },
};

/// Largest snapshot batch, in encoded bytes.
const BATCH_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Chunks per reader, so that readers of uneven chunks end at about the same time.
const CHUNKS_PER_READER: u32 = 4;

/// Memory that the chunks of all tables may take while they wait.
const PLANNED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What becomes of rows that the destination has before a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// They are none of ours.
    Kept,
    /// They go first.
    Emptied,
    /// They stay until the copy is complete, if that can be.
    Swept,
}

/// Whether everything was copied, or why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copied {
    All,
    /// The turn is over.
    Left,
    /// Somebody asked to stop.
    Stopped,
}

/// What the readers of a schema share.
#[derive(Debug)]
pub struct Copying {
    queue: JobQueue,
    progress: SnapshotProgress,
    rate: Rate,
    /// Tables that were read, and whose copy has to be ended.
    ending: Mutex<Vec<String>>,
}

/// Plans the copy of every table that is not streaming yet.
pub async fn plan_copies(
    writer: &Writer,
    source: &SourceConnection,
    start: &Position,
    states: Vec<(String, TableState)>,
) -> Result<Arc<Copying>, RunError> {
    let rate = Rate::new(writer.context.schema.limits.rows_per_second, Instant::now());
    let (queue, progress) = (JobQueue::default(), SnapshotProgress::default());
    let copying = Arc::new(Copying { queue, progress, rate, ending: Mutex::default() });
    let mut planned = 0;
    for (table, state) in states {
        let jobs = match state {
            TableState::Streaming | TableState::Parked { .. } | TableState::Paused { .. } => {
                continue;
            }
            TableState::Snapshot { chunks, keys } => {
                if let Some(keys) = keys
                    && !sweep::go_on(writer, &table, &keys).await?
                {
                    return Err(start_anew(writer, &table).await?);
                }
                let mut jobs = Vec::new();
                for chunk in chunks {
                    let job = resume(writer, &table, chunk.into()).await?;
                    jobs.extend((!job.progress.done).then_some(job));
                }
                jobs
            }
            TableState::Again => plan(writer, source, start, &table, Before::Emptied).await?,
            TableState::Pending { truncate: false, .. } => {
                plan(writer, source, start, &table, Before::Kept).await?
            }
            TableState::Pending { sweep: false, .. } => {
                plan(writer, source, start, &table, Before::Emptied).await?
            }
            TableState::Pending { .. } => {
                plan(writer, source, start, &table, Before::Swept).await?
            }
        };
        if jobs.is_empty() {
            copying.ending().push(table);
            continue;
        }
        planned += jobs.iter().map(Job::byte_count).sum::<usize>();
        if planned > PLANNED_BYTES_MAX {
            return Err(too_many_chunks(&table));
        }
        let readers = readers_of(writer, &table, jobs.len()).await;
        copying.progress.begin(&writer.context, &table, &jobs);
        copying.queue.add(&table, readers, jobs);
    }
    Ok(copying)
}

/// Copies what was planned, or as much of it as its turn is long enough for.
pub async fn copy_tables(
    writer: &Arc<Writer>,
    copying: &Arc<Copying>,
    turn: Turn,
) -> Result<Copied, RunError> {
    let end = turn.begin();
    // Read before: their copies end first.
    while let Some(table) = copying.next_ending() {
        let ended = end_table(writer, copying, table, end).await?;
        if ended != Copied::All {
            return Ok(ended);
        }
    }
    run_readers(writer, copying, turn).await
}

impl Copying {
    fn next_ending(&self) -> Option<String> {
        self.ending().pop()
    }

    fn ending(&self) -> MutexGuard<'_, Vec<String>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many_chunks(table: &str) -> RunError {
    RunError::Unusable {
        what: format!(
            "with table `{table}` the chunks of the snapshot take more than {PLANNED_BYTES_MAX} \
             bytes"
        ),
        help: "copy the schema's tables in several runs by `table_whitelist`, or lower \
               `max_parallel_streams`: the source cuts them into too many or too large chunks"
            .into(),
    }
}

/// How many readers a table may have. A table that is not known has one.
async fn readers_max(writer: &Writer, table: &str) -> u32 {
    let tables = writer.tables.lock().await;
    tables.get(table).map_or(1, |table| table.readers_max().get())
}

/// The same of a copy with so many chunks.
async fn readers_of(writer: &Writer, table: &str, chunks: usize) -> usize {
    let tables = writer.tables.lock().await;
    tables.get(table).map_or(1, |table| table.readers_of(chunks))
}

/// What has a table copied from its beginning whose copy cannot be gone on with.
async fn start_anew(writer: &Writer, name: &str) -> Result<RunError, RunError> {
    let tables = writer.tables.lock().await;
    if let Some(table) = tables.get(name) {
        let why = "which of its rows were copied is not known any more";
        let markers = evolve::copy_again(writer, table, why).await?;
        writer.commit_markers(markers).await?;
    }
    Ok(RunError::CopyAgain { table: name.to_owned() })
}

async fn resume(writer: &Writer, table: &str, chunk: Chunk) -> Result<Job, RunError> {
    let schema = writer.context.name();
    let stream = chunk_stream(table, &chunk.id);
    let progress: Option<ChunkProgress> = read(&writer.destination, schema, &stream).await?;
    Ok(Job { table: table.to_owned(), chunk, progress: progress.unwrap_or_default() })
}

async fn plan(
    writer: &Writer,
    source: &SourceConnection,
    start: &Position,
    table: &str,
    before: Before,
) -> Result<Vec<Job>, RunError> {
    let readers = readers_max(writer, table).await;
    let target = if readers == 1 { 1 } else { readers.saturating_mul(CHUNKS_PER_READER) };
    let planned = source.plan_snapshot(writer.context.name(), table, start, target).await;
    let chunks = planned.map_err(|error| error.about(table))?;
    let stored: Vec<_> = chunks.iter().cloned().map(Into::into).collect();
    let is_swept = before == Before::Swept && sweep::begin(writer, table, stored.clone()).await?;
    if !is_swept {
        let state = TableState::Snapshot { chunks: stored.clone(), keys: None };
        let markers = vec![marker(table_stream(table), &state)];
        if before == Before::Kept {
            writer.commit_markers(markers).await?;
        } else {
            // An earlier copy may have committed a part after it was given up.
            let markers = markers.into_iter().chain(forgotten(table, stored)).collect();
            let clear = vec![table.to_owned()];
            deliver(writer, Commit { clear, markers, ..Commit::default() }).await?;
        }
    }
    let job = |chunk| Job { table: table.to_owned(), chunk, progress: ChunkProgress::default() };
    Ok(chunks.into_iter().map(job).collect())
}

async fn run_readers(
    writer: &Arc<Writer>,
    copying: &Arc<Copying>,
    turn: Turn,
) -> Result<Copied, RunError> {
    let mut readers = JoinSet::new();
    for number in 0..copying.queue.readers_max() {
        let reader = run_reader(Arc::clone(writer), Arc::clone(copying), number, turn);
        readers.spawn(reader.in_current_span());
    }
    let mut copied = Copied::All;
    // An error drops the set, which ends the other readers: nothing they held was committed.
    while let Some(ended) = readers.join_next().await {
        match ended {
            Ok(result) => {
                copied = copied.max(result?);
            }
            Err(_) => return Err(RunError::NoProgress { what: "a snapshot reader died".into() }),
        }
    }
    Ok(copied)
}

async fn run_reader(
    writer: Arc<Writer>,
    copying: Arc<Copying>,
    number: usize,
    turn: Turn,
) -> Result<Copied, RunError> {
    let context = &writer.context;
    let source = match open_reader(&writer).await {
        // It may be the one more that the server does not let in.
        Err(error) if number > 0 => {
            tell_fewer(&writer, &error);
            return Ok(Copied::All);
        }
        opened => opened?,
    };
    let (mut lane, end) = (Lane::of(&writer, number), turn.begin());
    let ended = loop {
        // A reader that stops gives no place back, so nobody would wake those that wait for one.
        let job = tokio::select! {
            biased;
            () = context.stop.cancelled() => return Ok(Copied::Stopped),
            () = end.past() => break Copied::Left,
            job = copying.queue.next() => job,
        };
        let Some(mut job) = job else { break Copied::All };
        let sibling = lane.sibling(&writer, &copying.queue, &job).await;
        match copy_chunk(&writer, sibling, &source, &copying, &mut job, end).await? {
            Copied::Stopped => return Ok(Copied::Stopped),
            Copied::Left => {
                copying.queue.give_back(job);
                break Copied::Left;
            }
            Copied::All => {}
        }
        if !copying.queue.finish(&job) {
            continue;
        }
        match end_table(&writer, &copying, job.table, end).await? {
            Copied::Stopped => return Ok(Copied::Stopped),
            Copied::Left => break Copied::Left,
            Copied::All => {}
        }
    };
    source.close().await;
    lane.close().await;
    Ok(ended)
}

async fn open_reader(writer: &Writer) -> Result<SourceConnection, RunError> {
    let source = writer.context.open_source().await?;
    let selected: Vec<String> = writer.tables.lock().await.keys().cloned().collect();
    let told = source.select_tables(writer.context.name(), &selected).await;
    told.map_err(refused_by_now)?;
    Ok(source)
}

/// What a source refuses that it took when the attempt began: whose matter it is, the look of the next attempt finds.
fn refused_by_now(mut error: PluginError) -> PluginError {
    if let Cause::Failure(failure) = &mut error.cause
        && failure.action == Action::Config
    {
        failure.action = Action::Reconnect;
    }
    error
}

fn tell_fewer(writer: &Writer, error: &RunError) {
    if writer.context.source.log.admits("snapshots") {
        tracing::warn!(
            error = error.chain(),
            "the source lets no further connection in, so fewer chunks are read at once; \
             `max_parallel_streams` says how many there may be"
        );
    }
}

/// Reads ahead while what was read before is committed.
async fn copy_chunk(
    writer: &Writer,
    sibling: Option<&mut Sibling>,
    source: &SourceConnection,
    copying: &Copying,
    job: &mut Job,
    end: TurnEnd,
) -> Result<Copied, RunError> {
    let Copying { progress, rate, .. } = copying;
    let (sender, receiver) = read_ahead(SnapshotBatch::byte_count);
    let reading = read_chunk(writer, source, rate, job, end, sender);
    let writing = write_chunk(writer, sibling, progress, job, receiver);
    let (copied, written) = tokio::try_join!(reading, writing)?;
    job.progress = written;
    Ok(copied)
}

async fn read_chunk(
    writer: &Writer,
    source: &SourceConnection,
    rate: &Rate,
    job: &Job,
    end: TurnEnd,
    batches: ReadAhead<SnapshotBatch>,
) -> Result<Copied, RunError> {
    let context = &writer.context;
    let limits = ReadLimits {
        rows_max: rate.rows_max(context.table_settings(&job.table).full_load_batch_size.get()),
        bytes_max: BATCH_BYTES_MAX,
        wait: std::time::Duration::ZERO,
    };
    let (schema, table) = (context.name(), job.table.as_str());
    let mut cursor = job.progress.cursor.clone();
    let mut heartbeat = Heartbeat::default();
    loop {
        if context.stop.is_cancelled() {
            return Ok(Copied::Stopped);
        }
        let asked = Asked::now();
        let read =
            source.get_full_snapshot(schema, table, &job.chunk, cursor.clone(), limits).await;
        let mut batch = read.map_err(|error| error.about(table))?;
        let next = batch.next_cursor.clone();
        if next.is_some() && next == cursor {
            return Err(RunError::NoProgress { what: format!("snapshot of table `{table}`") });
        }
        let is_last = next.is_none();
        cursor = next;
        let brings_rows = pace::brings_rows_of_snapshot(&mut batch);
        if !brings_rows && !is_last {
            asked.pause().await;
            if !heartbeat.is_due() {
                continue;
            }
        }
        let rows = batch.rows.as_ref().map_or(0, |rows| rows.row_count() as u64);
        // A closed channel means that the write failed; its error is the one to report.
        if !batches.send(batch).await {
            return Ok(Copied::All);
        }
        rate.pay(rows, &context.stop).await;
        if is_last {
            return Ok(Copied::All);
        }
        if end.is_past() {
            return Ok(Copied::Left);
        }
    }
}

/// Commits what was read, several batches at once while the destination is the slower side; how far it came.
async fn write_chunk(
    writer: &Writer,
    mut sibling: Option<&mut Sibling>,
    shown: &SnapshotProgress,
    job: &Job,
    mut batches: Waiting<SnapshotBatch>,
) -> Result<ChunkProgress, RunError> {
    let stream = chunk_stream(&job.table, &job.chunk.id);
    let mut progress = job.progress.clone();
    while let Some(first) = batches.recv().await {
        let (mut commit, mut bytes, mut rows) =
            (Commit { is_copied: true, ..Commit::default() }, 0, 0);
        let mut next = Some(first);
        while let Some(batch) = next {
            bytes += batch.byte_count();
            rows += batch.rows.as_ref().map_or(0, |rows| rows.row_count() as u64);
            progress.done = batch.next_cursor.is_none();
            progress.cursor = batch.next_cursor;
            commit.tables.extend(batch.rows);
            commit.rejected.extend(batch.rejected);
            next = if bytes < BYTES_MAX { batches.try_recv() } else { None };
        }
        progress.add(rows);
        commit.markers = vec![marker(stream.clone(), &progress)];
        deliver_over(writer, sibling.as_deref_mut(), commit).await?;
        shown.advance(&writer.context, &job.table, rows);
    }
    Ok(progress)
}

/// Ends the copy of a table that was read; what is left of that is for the next turn.
async fn end_table(
    writer: &Writer,
    copying: &Copying,
    table: String,
    end: TurnEnd,
) -> Result<Copied, RunError> {
    let ended = finish_table(writer, &table, end).await?;
    match ended {
        Copied::All => copying.progress.finish(&table),
        Copied::Left | Copied::Stopped => copying.ending().push(table),
    }
    Ok(ended)
}

async fn finish_table(writer: &Writer, table: &str, end: TurnEnd) -> Result<Copied, RunError> {
    let (mut markers, _) = forget_chunks(&writer.destination, writer.context.name(), table).await?;
    markers.push(marker(table_stream(table), &TableState::Streaming));
    // What it is to have beside its columns is looked after anew.
    markers.push(deletion(extras_stream(table)));
    match sweep::end(writer, table, &markers, end).await? {
        Swept::Done => {}
        Swept::Left => return Ok(Copied::Left),
        Swept::None => writer.commit_markers(markers).await?,
        Swept::Stopped => return Ok(Copied::Stopped),
    }
    let status = table_status(writer.context.name(), table, &TableState::Streaming);
    writer.context.health.set_table(writer.context.name(), table, status);
    if writer.context.source.log.admits("snapshots") {
        tracing::info!(table, "snapshot complete");
    }
    Ok(Copied::All)
}

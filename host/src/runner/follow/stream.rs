//! Follows the change stream of a schema.
//!
//! One reader for all tables, so none can starve another; what it reads waits in `read_ahead`
//! (backpressure: a slow destination stops the reader). The position moves when the destination has
//! committed, and only then is the source told (I1). Order is the source's (I4).

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    backlog::Backlog,
    pending::{Pending, Turn},
};
use crate::{
    config::CommitAt,
    model::{Marker, Position},
    plugin::{ChangeBatch, ReadLimits, SourceConnection},
    runner::{
        commit::Writer,
        deliver::{Commit, deliver},
        error::RunError,
        reading::{Asked, BYTES_MAX, ReadAhead, Waiting, pace, read_ahead},
        shapes::change_shapes,
        state::CHANGES,
    },
};

/// A batch that waits this long for the destination is a standstill.
const STALLED_AFTER: Duration = Duration::from_secs(5);
/// The word under which such lines share a rate.
const SPLIT: &str = "split transactions";
/// How long a stopping run waits for the source to hear of the last commit.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(2);

/// Why the stream ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    Stopped,
    /// The source has no more, and that was the wish.
    CaughtUp,
}

/// What ends a stream beside an error and a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Never,
    CaughtUp,
    /// The source has no more, or this is past and no transaction under way.
    TurnOver(Instant),
}

/// Follows the stream from `start` until there is a reason to end.
pub async fn follow(
    writer: &Writer,
    source: &SourceConnection,
    start: Position,
    end_when_caught_up: bool,
) -> Result<StreamEnd, RunError> {
    let until = if end_when_caught_up { Until::CaughtUp } else { Until::Never };
    follow_until(writer, source, start, until).await.map(|(end, _)| end)
}

/// Follows the stream from `start` to its end, or for about so long; the last committed position, none where somebody
/// asked to stop.
pub async fn follow_for(
    writer: &Writer,
    source: &SourceConnection,
    start: Position,
    turn: Duration,
) -> Result<Option<Position>, RunError> {
    let until = Until::TurnOver(Instant::now() + turn);
    let (end, last) = follow_until(writer, source, start, until).await?;
    Ok((end != StreamEnd::Stopped).then_some(last))
}

async fn follow_until(
    writer: &Writer,
    source: &SourceConnection,
    start: Position,
    until: Until,
) -> Result<(StreamEnd, Position), RunError> {
    let (batches, queue) = read_ahead(ChangeBatch::byte_count);
    let (committed, confirmable) = watch::channel(None);
    let backlog = &Backlog::new(&writer.context.metrics);
    let reader = Reader { writer, source, backlog, until, confirmable, start: start.clone() };
    let delivery = Delivery { writer, backlog, committed, pending: Pending::default() };
    // When the source fails, what it sent before is committed all the same: else a failure that
    // follows a batch at once would meet the same position again, for ever.
    let reading = async { Ok(reader.run(start.clone(), batches).await) };
    let (end, last) = tokio::try_join!(reading, delivery.run(queue))?;
    let end = end?;
    if end == StreamEnd::CaughtUp
        && let Some(last) = &last
    {
        let confirm = source.confirm(writer.context.name(), last);
        match tokio::time::timeout(CONFIRM_PATIENCE, confirm).await {
            Ok(confirmed) => confirmed?,
            Err(_) => tracing::warn!(
                "the source did not hear of the last commit in time; it will at the next start"
            ),
        }
    }
    Ok((end, last.unwrap_or(start)))
}

struct Reader<'a> {
    writer: &'a Writer,
    source: &'a SourceConnection,
    backlog: &'a Backlog<'a>,
    until: Until,
    /// The newest committed position, for [`SourceConnection::confirm`].
    confirmable: watch::Receiver<Option<Position>>,
    /// Committed before this attempt.
    start: Position,
}

impl Reader<'_> {
    async fn run(
        mut self,
        start: Position,
        batches: ReadAhead<ChangeBatch>,
    ) -> Result<StreamEnd, RunError> {
        let context = &self.writer.context;
        let mut after = start;
        loop {
            self.confirm().await?;
            context.letters.ask_again(&self.writer.destination).await?;
            let limits = self.limits().await;
            let asked = Asked::now();
            let mut batch = tokio::select! {
                biased;
                () = context.stop.cancelled() => return Ok(StreamEnd::Stopped),
                batch = self.source.get_changes(context.name(), &after, limits) => batch?,
            };
            pace::keep_followed(|table| self.writer.follows(table), &mut batch);
            let (caught_up, is_whole) = (batch.caught_up, !batch.within_transaction);
            let brings_rows = pace::brings_rows(&batch);
            let is_empty = !brings_rows && batch.schema_changes.is_empty();
            let moved = batch.position != after;
            self.backlog.arrived(batch.row_count() as u64, caught_up);
            after = batch.position.clone();
            // A closed queue means that delivery failed; its error is the one to report.
            if (moved || !is_empty) && !self.send(&batches, batch).await? {
                return Ok(StreamEnd::Stopped);
            }
            match self.until {
                Until::CaughtUp if caught_up => return Ok(StreamEnd::CaughtUp),
                Until::TurnOver(until) if is_whole && (caught_up || Instant::now() >= until) => {
                    return Ok(StreamEnd::CaughtUp);
                }
                _ => {}
            }
            if !brings_rows {
                asked.pause().await;
            }
        }
    }

    /// False when the queue is closed. While it is full, the source hears again what is committed:
    /// so it shows how far it is behind, and its connections stay in use.
    async fn send(
        &mut self,
        batches: &ReadAhead<ChangeBatch>,
        batch: ChangeBatch,
    ) -> Result<bool, RunError> {
        let mut sending = std::pin::pin!(batches.send(batch));
        loop {
            tokio::select! {
                sent = &mut sending => return Ok(sent),
                () = tokio::time::sleep(STALLED_AFTER) => {
                    let position = self.confirmable.borrow_and_update().clone();
                    let position = position.unwrap_or_else(|| self.start.clone());
                    self.source.confirm(self.writer.context.name(), &position).await?;
                }
            }
        }
    }

    /// Tells the source what is committed, between two reads: a call occupies the instance.
    async fn confirm(&mut self) -> Result<(), RunError> {
        if !self.confirmable.has_changed().unwrap_or(false) {
            return Ok(());
        }
        let position = self.confirmable.borrow_and_update().clone();
        if let Some(position) = position {
            self.source.confirm(self.writer.context.name(), &position).await?;
        }
        Ok(())
    }

    /// The feed serves all tables: the largest batch and the shortest wait that any asks for.
    async fn limits(&self) -> ReadLimits {
        let tables = self.writer.tables.lock().await;
        let settings = || tables.values().map(|table| &table.settings);
        let rows_max = settings().map(|table| table.stream_batch_size.get()).max();
        let wait = settings().map(|table| table.polling_interval).min();
        ReadLimits {
            rows_max: rows_max.unwrap_or(1000),
            bytes_max: BYTES_MAX as u64,
            wait: match self.until {
                Until::Never => wait.unwrap_or_default(),
                Until::CaughtUp | Until::TurnOver(_) => Duration::ZERO,
            },
        }
    }
}

/// The way from the queue to the commit.
struct Delivery<'a> {
    writer: &'a Writer,
    backlog: &'a Backlog<'a>,
    /// The last committed position, for the reader to tell the source.
    committed: watch::Sender<Option<Position>>,
    pending: Pending,
}

impl Delivery<'_> {
    /// Commits what arrives until the queue closes; the last committed position.
    async fn run(mut self, mut queue: Waiting<ChangeBatch>) -> Result<Option<Position>, RunError> {
        loop {
            let due = self.pending.due(self.commit_at(), Instant::now());
            let batch = tokio::select! {
                batch = queue.recv() => batch,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.flush().await?;
                    continue;
                }
            };
            let Some(batch) = batch else {
                // Half a transaction that is not to be split comes again.
                self.flush().await?;
                return Ok(self.committed.borrow().clone());
            };
            self.take(batch).await?;
        }
    }

    async fn take(&mut self, mut batch: ChangeBatch) -> Result<(), RunError> {
        if !batch.schema_changes.is_empty() {
            // Rows before the change are committed in the old shape; a position alone waits.
            if self.pending.carries_rows() {
                self.flush_before_change().await?;
            }
            change_shapes(self.writer, &batch.schema_changes).await?;
        }
        if self.writer.passes_over_unknown() {
            let tables = self.writer.tables.lock().await;
            let is_known = |table: &str| tables.get(table).is_some_and(|table| !table.dropped);
            pace::keep_followed(is_known, &mut batch);
        }
        let no_more_to_wait_for = batch.caught_up && !batch.tables.is_empty();
        self.pending.add(batch, Instant::now());
        if self.pending.turn(self.commit_at(), Instant::now()) == Turn::Wait {
            return Ok(());
        }
        let context = &self.writer.context;
        let rows_max = |table: &str| context.table_settings(table).write_batch_size.get() as usize;
        if no_more_to_wait_for || self.pending.is_full(rows_max) {
            self.flush().await?;
        }
        Ok(())
    }

    fn commit_at(&self) -> CommitAt {
        self.writer.context.config.commit_at
    }

    /// Commits what is pending, unless the rest of a transaction is to be waited for.
    async fn flush(&mut self) -> Result<(), RunError> {
        let is_part = match self.pending.turn(self.commit_at(), Instant::now()) {
            Turn::Wait => return Ok(()),
            Turn::Whole => false,
            Turn::Part => true,
            Turn::Split(why) => {
                self.tell_split(why);
                false
            }
        };
        self.commit(is_part).await
    }

    /// Commits what is pending in the shape that is about to change.
    async fn flush_before_change(&mut self) -> Result<(), RunError> {
        if self.pending.turn(self.commit_at(), Instant::now()) == Turn::Wait {
            self.tell_split("it changes the shape of a table");
        }
        self.commit(false).await
    }

    fn tell_split(&self, why: &str) {
        if self.commit_at() == CommitAt::Transaction && self.writer.context.source.log.admits(SPLIT)
        {
            tracing::warn!("a transaction of the source is committed in parts: {why}");
        }
    }

    async fn commit(&mut self, is_part: bool) -> Result<(), RunError> {
        let mut pending = std::mem::take(&mut self.pending);
        let Some(position) = pending.position.clone() else { return Ok(()) };
        let (rows, caught_up) = (pending.rows, pending.caught_up);
        let markers = vec![Marker { stream: CHANGES.into(), value: Some(position.0.clone()) }];
        if pending.carries_rows() {
            let (tables, rejected) = if is_part {
                (pending.tables.clone(), pending.rejected.clone())
            } else {
                (std::mem::take(&mut pending.tables), std::mem::take(&mut pending.rejected))
            };
            let commit = Commit { tables, rejected, markers, is_part, ..Commit::default() };
            match deliver(self.writer, commit).await {
                Err(error) if is_part && error.is_refused_row() => {
                    pending.is_refused = true;
                    self.pending = pending;
                    return Ok(());
                }
                outcome => outcome?,
            }
        } else {
            self.writer.commit_markers(markers).await?;
        }
        self.writer.context.retained.commit(&position);
        self.committed.send_replace(Some(position)); // I1: only here, after the commit
        self.backlog.committed(rows as u64, caught_up);
        Ok(())
    }
}

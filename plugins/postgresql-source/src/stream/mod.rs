//! Follows the log: changes in commit order, from any position that was ever returned.
//!
//! There are two ways of reading, and `way` chooses: `by_sql` over `peek`, `by_streaming` over `live`.
//! Whichever brings the messages, `relations` knows what they are about, `collect` makes changes of
//! them, `lookup` finds what they leave out, `write` makes rows. This module waits, keeps the
//! position and moves the slot: only behind what the host confirmed (I1). A position means the same
//! in both ways, so changing the way is no more than a kill and a restart.

mod batch;
mod by_sql;
mod by_streaming;
mod collect;
mod live;
mod lookup;
mod peek;
mod progress;
pub mod relations;
mod start;
mod tuple;
mod watch;
mod way;
mod write;

use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cartridge_warp_sdk::{ChangeBatch, Failure, Limits};

use crate::PostgresqlSource;
use crate::catalog::{server, slot};
use crate::pgoutput::Message;
use crate::position::{Position, show};
use crate::session::unexpected;
use batch::Batch;
use collect::Collector;
use live::Live;
use peek::Peek;
use progress::Progress;
use watch::Watch;
use way::Way;

/// Between two looks at a log to which nothing was added: grows from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// How long a call waits for an answer that the server is working on, even without a wait limit.
const ANSWER_PATIENCE: Duration = Duration::from_millis(250);

/// What the stream's connection remembers.
#[derive(Default)]
pub struct State {
    started: Option<Started>,
}

struct Started {
    way: Way,
    /// None: nothing is being read.
    reader: Option<Reader>,
    collector: Collector,
    progress: Progress,
    watch: Watch,
    slot: String,
    publication: String,
}

/// What brings the messages.
enum Reader {
    Sql(Peek),
    Streaming(Live),
}

/// Reads changes, waiting for some within the limit.
pub fn get_changes(
    source: &mut PostgresqlSource,
    schema: &str,
    after: &[u8],
    limits: Limits,
) -> Result<ChangeBatch, Failure> {
    let deadline = Instant::now() + limits.wait;
    let after = Position::decode(after)?;
    // At another position than the last one the read under way is of no use, and it holds the slot.
    let kept = source.stream.started.take().filter(|kept| kept.collector.position == after);
    let mut started = match kept {
        Some(started) => started,
        None => start::start(source, schema, &after)?,
    };
    let mut pause = PAUSE_MIN;
    loop {
        let batch = step(source, &mut started, schema, deadline, &limits)?;
        let something = !batch.tables.is_empty()
            || !batch.rejected.is_empty()
            || !batch.schema_changes.is_empty();
        let left = deadline.saturating_duration_since(Instant::now());
        if something || left.is_zero() {
            source.stream.started = Some(started);
            return Ok(batch);
        }
        if batch.caught_up {
            sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// The destination holds everything before this position.
pub fn confirm(source: &mut PostgresqlSource, position: &[u8]) -> Result<(), Failure> {
    let position = Position::decode(position)?;
    let Some(started) = &mut source.stream.started else { return Ok(()) };
    let Started { reader, progress, slot, .. } = started;
    progress.confirmed(position.complete);
    progress.measure(&source.control, slot)?;
    match reader {
        // If the connection is gone, the next read says so, and the slot is told later.
        Some(Reader::Streaming(live)) => {
            if live.confirm(progress.acknowledgeable()).is_ok() {
                progress.acknowledged();
            }
            Ok(())
        }
        Some(Reader::Sql(peek)) if peek.holds_slot() => Ok(()),
        _ => progress.advance(&source.control, slot),
    }
}

/// At most one batch.
fn step(
    source: &mut PostgresqlSource,
    started: &mut Started,
    schema: &str,
    deadline: Instant,
    limits: &Limits,
) -> Result<ChangeBatch, Failure> {
    let mut batch = Batch::announcing(started.collector.announced());
    let mut caught_up = false;
    if started.is_between_reads() {
        let changes = started.watch.look(source, schema, &started.publication)?;
        // Rows of a table that is gone may be under way: read anew they are not followed.
        if !changes.is_empty() {
            started.end_streaming(source)?;
        }
        batch.schema_changes.extend(changes);
        started.leave_slow_stream(source)?;
        caught_up = !started.begin_read(source)?;
    }
    if !caught_up {
        caught_up = match started.reader {
            Some(Reader::Streaming(_)) => by_streaming::collect,
            _ => by_sql::collect,
        }(source, started, schema, deadline, limits, &mut batch)?;
    }
    lookup::fill(&source.control, &mut batch.changes)?;
    let position = &started.collector.position;
    let origin = format!("{schema} at {}", show(position.complete));
    let (tables, rejected) = write::write(&batch.changes, &origin)?;
    started.progress.delivered(position.complete, batch.changes.len() as u64);
    Ok(ChangeBatch {
        schema_changes: batch.schema_changes,
        tables,
        rejected,
        position: position.encode(),
        caught_up,
    })
}

impl Started {
    /// Whether nothing is under way that would have to be read again after a change of the way.
    fn is_between_reads(&self) -> bool {
        let under_way = match &self.reader {
            Some(Reader::Sql(peek)) => peek.is_reading(),
            Some(Reader::Streaming(_)) => self.collector.is_within_transaction(),
            None => false,
        };
        !under_way && !self.collector.is_ahead()
    }

    /// Begins to read the log, unless it is being streamed; false when nothing was added since it
    /// was last read to its end.
    fn begin_read(&mut self, source: &PostgresqlSource) -> Result<bool, Failure> {
        if matches!(self.reader, Some(Reader::Streaming(_))) {
            return Ok(true);
        }
        let (end, now) = (server::log_end(&source.control)?, Instant::now());
        let behind = end.flushed.saturating_sub(self.collector.position.complete);
        if self.way.is_streaming(behind, now) {
            match by_streaming::begin(source, self) {
                Ok(()) => return Ok(true),
                Err(failure) => self.way.refused(failure, now)?,
            }
        }
        by_sql::begin(source, self, end)
    }

    /// Ends a stream that cannot keep up.
    fn leave_slow_stream(&mut self, source: &PostgresqlSource) -> Result<(), Failure> {
        let now = Instant::now();
        let Some(Reader::Streaming(live)) = &mut self.reader else { return Ok(()) };
        if !self.way.is_look_due(now) {
            return Ok(());
        }
        let end = server::log_end(&source.control)?.flushed;
        if self.way.is_too_slow(self.collector.position.complete, end, now) {
            return self.end_streaming(source);
        }
        // So that log in which nothing is ours counts as come by the next look.
        if live.ask().is_err() { self.end_streaming(source) } else { Ok(()) }
    }

    /// Ends the stream, if there is one. What was received and not taken is read again.
    fn end_streaming(&mut self, source: &PostgresqlSource) -> Result<(), Failure> {
        if !matches!(self.reader, Some(Reader::Streaming(_))) {
            return Ok(());
        }
        self.reader = None;
        self.collector.begin_read();
        slot::wait_until_free(&source.control, &source.server, &self.slot)?;
        let end = server::log_end(&source.control)?.inserted;
        let position = &self.collector.position;
        let slot = slot::check(&source.control, &source.server, &self.slot, position, end)?;
        self.progress.slot_is_at(slot.confirmed);
        Ok(())
    }
}

/// Takes messages that are at hand, `next` after `next`; false when the batch has to end first.
fn drain(
    source: &mut PostgresqlSource,
    collector: &mut Collector,
    next: &mut dyn FnMut(&mut Collector) -> Option<Bytes>,
    schema: &str,
    limits: &Limits,
    batch: &mut Batch,
) -> Result<bool, Failure> {
    while !batch.is_full(limits) {
        let message = match collector.ahead() {
            Some(message) => message,
            None => match next(collector) {
                Some(bytes) => Message::decode(bytes).map_err(|why| unexpected(why.0))?,
                None => return Ok(true),
            },
        };
        if !collector.take(message, batch, source, schema, limits)? {
            return Ok(false);
        }
    }
    Ok(false)
}

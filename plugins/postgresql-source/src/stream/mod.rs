//! Follows the log: changes in commit order, from any position that was ever returned.
//!
//! `peek` reads messages, `relations` knows what they are about, `collect` makes changes of them,
//! `lookup` finds what they leave out, `write` makes rows. This module waits, keeps the position and
//! moves the slot: only behind what the host confirmed (I1).

mod batch;
mod collect;
mod lookup;
mod peek;
mod progress;
pub mod relations;
mod start;
mod tuple;
mod watch;
mod write;

use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{ChangeBatch, Failure, Limits};

use crate::PostgresqlSource;
use crate::catalog::server;
use crate::pgoutput::Message;
use crate::position::{Position, show};
use crate::session::unexpected;
use batch::Batch;
use collect::Collector;
use peek::{Filled, Peek};
use progress::Progress;
use watch::Watch;

/// Between two looks at a log to which nothing was added: grows from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// How long rows that were read wait for more of the same read.
const COMPANY_PATIENCE: Duration = Duration::from_millis(5);
/// How long a call waits for an answer that the server is working on, even without a wait limit.
const ANSWER_PATIENCE: Duration = Duration::from_millis(250);

/// What the stream's connection remembers.
#[derive(Default)]
pub struct State {
    started: Option<Started>,
}

struct Started {
    peek: Peek,
    collector: Collector,
    progress: Progress,
    watch: Watch,
    slot: String,
    publication: String,
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
    let mut started = match source.stream.started.take() {
        Some(started) if started.collector.position == after => started,
        // Another position than the last one: the read under way is of no use.
        _ => start::start(source, schema, &after)?,
    };
    let mut pause = PAUSE_MIN;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let batch = step(source, &mut started, schema, left.max(ANSWER_PATIENCE), &limits)?;
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
    started.progress.confirmed(position.complete);
    let Started { peek, progress, slot, .. } = started;
    progress.advance(&source.control, slot, peek)
}

/// At most one batch.
fn step(
    source: &mut PostgresqlSource,
    started: &mut Started,
    schema: &str,
    patience: Duration,
    limits: &Limits,
) -> Result<ChangeBatch, Failure> {
    let mut batch = Batch::announcing(started.collector.announced());
    let mut caught_up = false;
    if !started.peek.is_reading() && !started.collector.is_ahead() {
        batch.schema_changes.extend(started.watch.look(source, schema, &started.publication)?);
        caught_up = !begin_read(source, started)?;
    }
    if !caught_up {
        caught_up = collect(source, started, schema, patience, limits, &mut batch)?;
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

/// Begins to read the log; false when nothing was added since it was last read to its end.
fn begin_read(source: &PostgresqlSource, started: &mut Started) -> Result<bool, Failure> {
    let end = server::log_end(&source.control)?;
    let progress = &mut started.progress;
    progress.advance(&source.control, &started.slot, &started.peek)?;
    if progress.has_seen(end) {
        let complete = &mut started.collector.position.complete;
        *complete = (*complete).max(progress.read_ended());
        return Ok(false);
    }
    progress.read_begins(end);
    started.collector.begin_read();
    let again = progress.unconfirmed();
    started.peek.start(u64::from(source.options.read_messages) + again);
    Ok(true)
}

/// Takes messages until the batch is full, the server has no more at hand, or the read ends; true
/// when the whole log was read.
fn collect(
    source: &mut PostgresqlSource,
    started: &mut Started,
    schema: &str,
    patience: Duration,
    limits: &Limits,
    batch: &mut Batch,
) -> Result<bool, Failure> {
    let Started { peek, collector, progress, .. } = started;
    while !batch.is_full(limits) {
        let message = match collector.ahead() {
            Some(message) => message,
            None => match peek.taken() {
                Some(bytes) => Message::decode(bytes).map_err(|why| unexpected(why.0))?,
                None => {
                    match peek.fill(if batch.is_empty() { patience } else { COMPANY_PATIENCE })? {
                        Filled::Some => continue,
                        Filled::NotYet => return Ok(false),
                        Filled::End if peek.was_cut() => return Ok(false),
                        Filled::End => {
                            let complete = &mut collector.position.complete;
                            *complete = (*complete).max(progress.read_ended());
                            return Ok(true);
                        }
                    }
                }
            },
        };
        if !collector.take(message, batch, source, schema, limits)? {
            return Ok(false);
        }
    }
    Ok(false)
}

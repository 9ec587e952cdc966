//! Follows the log: changes in commit order, from any position that was ever returned.
//!
//! There are two ways of reading: `by_sql` over `peek`, `by_streaming` over `live`. `way` chooses,
//! `reading` changes from one to the other. Whichever brings the messages, `relations` knows what they
//! are about, `collect` makes changes of them, `lookup` finds what they leave out, `write` makes rows.
//! This module waits, keeps the position and moves the slot: only behind what the host confirmed
//! (I1). A position means the same in both ways, so a change of the way is to the rest no more than
//! a kill and a restart.

mod batch;
mod by_sql;
mod by_streaming;
mod collect;
mod fitting;
mod leaves;
mod live;
mod lookup;
mod peek;
mod progress;
mod published;
mod reading;
pub mod relations;
mod rest;
mod start;
mod started;
mod tuple;
mod watch;
mod way;
mod write;

use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cartridge_warp_sdk::{ChangeBatch, Failure, Limits, NO_TURNS};

use crate::PostgresqlSource;
use crate::catalog::server;
use crate::pgoutput::{Lsn, Message};
use crate::position::{Position, show};
use crate::recode;
use crate::session::unexpected;
use crate::snapshot::plan;
use batch::Batch;
use collect::Collector;
use started::{Reader, Started};

/// Between two looks at a log to which nothing was added: grows from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// How long a call waits for an answer that the server is working on, even without a wait limit.
const ANSWER_PATIENCE: Duration = Duration::from_millis(250);

/// What the stream's connection remembers.
#[derive(Default)]
pub struct State {
    started: Option<Started>,
    /// Tables are copied in between, so that any row may be missing at the destination.
    is_beside_copies: bool,
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
    let kept = source.stream.started.take().filter(|kept| kept.told.is(&after));
    let mut started = match kept {
        Some(started) => started,
        None => start::start(source, schema, &after)?,
    };
    if source.stream.is_beside_copies {
        started.collector.overlaps_until(Lsn::MAX);
    }
    // Here too: while the destination stands still there is nothing to confirm.
    started.progress.measure(&source.control, &started.slot)?;
    let mut pause = PAUSE_MIN;
    let was_within = started.position().is_within_transaction();
    loop {
        let mut batch = step(source, &mut started, schema, deadline, &limits)?;
        let something = !batch.tables.is_empty()
            || !batch.rejected.is_empty()
            || !batch.schema_changes.is_empty()
            || (was_within && !batch.within_transaction);
        let left = deadline.saturating_duration_since(Instant::now());
        if something || left.is_zero() {
            let is_asked = started.is_asked();
            let position = started.position().clone();
            let told = started.told.tell(&position, something, is_asked, limits.wait);
            batch.position = told.encode();
            source.stream.started = Some(started);
            return Ok(batch);
        }
        if batch.caught_up {
            sleep(pause.min(left));
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// Whether the stream goes on behind a position, without reading it.
pub fn check_position(
    source: &mut PostgresqlSource,
    schema: &str,
    after: &[u8],
) -> Result<(), Failure> {
    start::prove(source, schema, &Position::decode(after)?).map(drop)
}

/// What a copy may see of the changes to come is everything while it goes on, and what was there at its end.
pub fn begin_turn(source: &mut PostgresqlSource, copying: bool) -> Result<(), Failure> {
    if copying && !plan::goes_on_anywhere(source)? {
        return Err(Failure::config(NO_TURNS, "a copy of these tables cannot be cut"));
    }
    source.stream.is_beside_copies = copying;
    if let (Some(started), false) = (&mut source.stream.started, copying) {
        started.collector.overlaps_until(server::log_end(&source.control)?.inserted);
    }
    Ok(())
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
    let (mut batch, mut caught_up) = match started.held.take() {
        Some(batch) => (batch, false),
        None => collect(source, started, schema, deadline, limits)?,
    };
    let whole = lookup::fill(&source.control, &mut batch.changes)?;
    if whole < batch.changes.len() {
        started.held = Some(batch.split_off(whole));
        caught_up = false;
    }
    let position = started.position().clone();
    let origin = format!("{schema} at {}", show(position.complete));
    let (tables, rejected) = write::write(&batch.changes, &origin)?;
    started.progress.delivered(position.complete, batch.changes.len() as u64);
    Ok(ChangeBatch {
        schema_changes: batch.schema_changes,
        tables,
        rejected,
        position: position.encode(),
        caught_up,
        within_transaction: position.is_within_transaction(),
    })
}

/// Changes as the log has them, and whether it has no more.
fn collect(
    source: &mut PostgresqlSource,
    started: &mut Started,
    schema: &str,
    deadline: Instant,
    limits: &Limits,
) -> Result<(Batch, bool), Failure> {
    let goes_on = started.collector.position.is_within_transaction();
    let mut batch = Batch::announcing(started.collector.announced(), goes_on);
    let mut caught_up = false;
    // Once it is, what was read before is not.
    let was_raw = source.reads_raw;
    if started.is_between_reads() {
        let (publication, collector) = (&started.publication, &mut started.collector);
        let changes = started.watch.look(source, schema, publication, collector)?;
        // Rows of a table that is gone or other may be under way: they are read anew.
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
    caught_up &= !started.watch.waits(&started.collector.position);
    if was_raw {
        recode::recode(&source.control, batch.texts())?;
    }
    Ok((batch, caught_up))
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
    loop {
        let is_full = batch.is_full(limits);
        let message = match collector.ahead() {
            Some(message) => message,
            None => match next(collector) {
                Some(bytes) => Message::decode(bytes).map_err(|why| unexpected(why.0))?,
                None => return Ok(!is_full),
            },
        };
        // A transaction whose last row came into the batch ends with it.
        if is_full && !matches!(message, Message::Commit { .. }) {
            collector.put_back(message);
            return Ok(false);
        }
        let is_end = matches!(message, Message::Commit { .. });
        let goes_on = collector.take(message, batch, source, schema, limits)?;
        if !goes_on || (is_end && batch.ends_with_transaction(limits)) {
            return Ok(false);
        }
    }
}

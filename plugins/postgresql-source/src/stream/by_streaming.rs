//! The way of streaming: it never ends by itself, so the log's end tells when everything has come.

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Failure, Limits, log};
use postgresql_client::UNTRANSLATABLE;

use super::batch::Batch;
use super::collect::Collector;
use super::live::{Live, Pushed};
use super::started::{Reader, Started};
use super::{ANSWER_PATIENCE, drain};
use crate::PostgresqlSource;
use crate::catalog::{server, slot};

/// How long rows that came wait for the rest of their transaction, or for what was committed before
/// the server was asked.
const COMPANY_PATIENCE: Duration = Duration::from_millis(5);

/// Begins to stream behind the position.
pub(super) fn begin(source: &PostgresqlSource, started: &mut Started) -> Result<(), Failure> {
    started.reader = None;
    let Started { collector, progress, slot, publication, .. } = started;
    source.runs.end_abandoned(&source.control, &source.settings, slot)?;
    slot::wait_until_free(&source.control, &source.server, slot)?;
    let from = collector.position.complete;
    let live = Live::open(source, slot, publication, from, progress.acknowledgeable())?;
    // Looked at while it is held: a slot that was made anew would begin later without a word.
    let end = server::log_end(&source.control)?.inserted;
    let selected = source.selected();
    slot::check(&source.control, &source.server, slot, &collector.position, &selected, end)?;
    collector.begin_read();
    started.way.begins();
    log::info("streaming the log", &[("slot", slot)]);
    started.reader = Some(Reader::Streaming(live));
    Ok(())
}

/// Takes what is pushed until the batch is full, or for what was committed so far; true when that
/// was everything that was in the log at some time of this call.
pub(super) fn collect(
    source: &mut PostgresqlSource,
    started: &mut Started,
    schema: &str,
    deadline: Instant,
    limits: &Limits,
    batch: &mut Batch,
) -> Result<bool, Failure> {
    let Some(Reader::Streaming(live)) = &mut started.reader else { return Ok(false) };
    let collector = &mut started.collector;
    let (mut end, mut answer_by) = (None, deadline);
    while drain(source, collector, &mut |collector| pushed(live, collector), schema, limits, batch)?
    {
        let now = Instant::now();
        let mut asked = Ok(());
        let end = match end {
            Some(end) => end,
            None => {
                let flushed = server::log_end(&source.control)?.flushed;
                if collector.position.complete < flushed {
                    asked = live.ask();
                    answer_by = deadline.max(now + ANSWER_PATIENCE);
                }
                *end.insert(flushed)
            }
        };
        let has_all = collector.position.complete >= end && !collector.is_within_transaction();
        let patience = match (batch.is_empty(), has_all) {
            (false, true) => Duration::ZERO,
            (false, false) => COMPANY_PATIENCE,
            (true, true) => deadline.saturating_duration_since(now),
            (true, false) => answer_by.saturating_duration_since(now),
        };
        match asked.and_then(|()| live.fill(patience)) {
            Ok(true) => {}
            Ok(false) => return Ok(has_all),
            Err(failure) if failure.code == UNTRANSLATABLE && source.read_raw() => {
                return started.end_streaming(source).map(|()| false);
            }
            Err(failure) => {
                started.way.broke(failure, now)?;
                return started.end_streaming(source).map(|()| false);
            }
        }
    }
    Ok(false)
}

/// The next message that was pushed.
fn pushed(live: &mut Live, collector: &mut Collector) -> Option<bytes::Bytes> {
    loop {
        match live.pushed()? {
            Pushed::Message(message) => return Some(message),
            Pushed::Reached(place) => collector.reached(place),
        }
    }
}

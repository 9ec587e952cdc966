//! The way over SQL: a read decodes the log from the slot's position to its end and comes to an end
//! itself.

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Failure, Limits};
use postgresql_client::{NO_TEMPORARY_SPACE, UNTRANSLATABLE};

use super::batch::Batch;
use super::peek::{Filled, Peek};
use super::started::{Reader, Started};
use super::{ANSWER_PATIENCE, drain};
use crate::PostgresqlSource;
use crate::catalog::server::LogEnd;

/// How long rows that were read wait for more of the same read.
const COMPANY_PATIENCE: Duration = Duration::from_millis(5);

/// Begins to read; false when nothing was added since the log was last read to its end.
pub(super) fn begin(
    source: &PostgresqlSource,
    started: &mut Started,
    end: LogEnd,
) -> Result<bool, Failure> {
    let progress = &mut started.progress;
    progress.advance(&source.control, &started.slot)?;
    if progress.has_seen(end) {
        let complete = &mut started.collector.position.complete;
        *complete = (*complete).max(progress.read_ended());
        return Ok(false);
    }
    progress.read_begins(end);
    let again = progress.unconfirmed();
    let mut peek = match started.reader.take() {
        Some(Reader::Sql(peek)) => peek,
        _ => Peek::open(source, &started.slot, &started.publication)?,
    };
    started.collector.begin_read();
    peek.start(u64::from(source.options.read_messages) + again);
    started.reader = Some(Reader::Sql(peek));
    Ok(true)
}

/// Takes messages until the batch is full, the server has no more at hand, or the read ends; true
/// when the whole log was read.
pub(super) fn collect(
    source: &mut PostgresqlSource,
    started: &mut Started,
    schema: &str,
    deadline: Instant,
    limits: &Limits,
    batch: &mut Batch,
) -> Result<bool, Failure> {
    let Some(Reader::Sql(peek)) = &mut started.reader else { return Ok(false) };
    let (collector, progress) = (&mut started.collector, &mut started.progress);
    let patience = deadline.saturating_duration_since(Instant::now()).max(ANSWER_PATIENCE);
    while drain(source, collector, &mut |_| peek.taken(), schema, limits, batch)? {
        let filled = match peek.fill(if batch.is_empty() { patience } else { COMPANY_PATIENCE }) {
            Err(failure) if failure.code == NO_TEMPORARY_SPACE => {
                started.way.outgrown(failure)?;
                started.reader = None;
                return Ok(false);
            }
            Err(failure) if failure.code == UNTRANSLATABLE && source.read_raw() => {
                started.reader = None;
                return Ok(false);
            }
            filled => filled?,
        };
        match filled {
            Filled::Some => {}
            Filled::NotYet => return Ok(false),
            Filled::End if peek.was_cut() => return Ok(false),
            Filled::End => {
                let complete = &mut collector.position.complete;
                *complete = (*complete).max(progress.read_ended());
                return Ok(true);
            }
        }
    }
    Ok(false)
}

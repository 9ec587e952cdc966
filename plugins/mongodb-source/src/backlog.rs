//! How long the oplog still has a position. The server keeps it by rules of its own, whoever reads it.

use cartridge_warp_sdk::{Failure, RetainedLog};

use crate::MongodbSource;
use crate::position::{LogPosition, Position, show};
use crate::stream::oldest;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// None for a pipeline without a place in the log: nothing is kept that it needs.
pub fn backlog(
    source: &MongodbSource,
    position: Option<&[u8]>,
) -> Result<Option<RetainedLog>, Failure> {
    let Some(position) = position else { return Ok(None) };
    let Position::Log(LogPosition { time, .. }) = Position::decode(position)? else {
        return Ok(None);
    };
    let committed = show(time);
    let micros = |seconds: u32| u64::from(seconds) * MICROS_PER_SECOND;
    let (left_us, words) = match oldest(&source.server) {
        // The oplog loses its oldest entry for each that comes.
        Some(oldest) => {
            let left = time.time.saturating_sub(oldest.time);
            let words = format!(
                "the oplog reaches back to {}, {left} s before the position, {committed}",
                show(oldest)
            );
            (Some(micros(left)), words)
        }
        None => {
            let words = format!(
                "the position is {committed}; how far the oplog reaches back is known to users with the \
                 role read on the database local"
            );
            (None, words)
        }
    };
    let oldest_commit_us = i64::try_from(micros(time.time)).ok();
    Ok(Some(RetainedLog { bytes: None, oldest_commit_us, left_bytes: None, left_us, words }))
}

//! Copies what is there, in ranges of `_id` that can be read in parallel and go on after a crash.
//!
//! Ranges follow the index on `_id`, which orders values of every type; a query's `$gt` sees those of
//! one type only, so where there are several, `$expr` compares. Reading waits until the server shows
//! everything up to the stream's start (`afterClusterTime`) and shows only what a majority has, so that
//! nothing is copied that a change of the primary takes back. Documents are read as they are then,
//! later than the start; the stream has every change since, so rows end up equal.

mod bounds;
mod looked_up;
mod plan;
mod read;

use cartridge_warp_sdk::{Chunk, Failure, Limits, SnapshotBatch};

use crate::MongodbSource;
pub use looked_up::look_up;
pub use plan::plan;
use read::Reading;

/// The chunk that is being read.
#[derive(Default)]
pub struct State {
    reading: Option<Reading>,
}

/// Reads the next rows of a chunk.
pub fn read(
    source: &mut MongodbSource,
    schema: &str,
    table: &str,
    chunk: &Chunk,
    cursor: Option<&[u8]>,
    limits: Limits,
) -> Result<SnapshotBatch, Failure> {
    let going_on = source.snapshot.reading.take();
    let going_on = going_on.filter(|reading| reading.is_at(table, &chunk.id, cursor));
    let mut reading = match going_on {
        Some(reading) => reading,
        None => Reading::new(source, table, chunk, cursor)?,
    };
    let batch = reading.next(source, schema, limits)?;
    if batch.next_cursor.is_some() {
        source.snapshot.reading = Some(reading);
    }
    Ok(batch)
}

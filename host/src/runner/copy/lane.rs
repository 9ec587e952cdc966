//! Over which connection a reader's rows are committed.
//!
//! All readers of a schema on one connection would wait for each other's commits. Where the destination lets
//! several connections write under one epoch, each reader but the first has one of its own.

use super::queue::{Job, JobQueue};
use crate::runner::{
    commit::{Sibling, Writer},
    error::RunError,
    table::Table,
};

/// Rows from which on a table of one chunk is worth another connection.
const ROWS_MIN: u64 = 10_000;

/// The way of one reader's rows.
pub struct Lane {
    may_open: bool,
    sibling: Option<Sibling>,
}

impl Lane {
    /// Of the reader with this number, from 0 on.
    pub fn of(writer: &Writer, reader: usize) -> Self {
        let writers_max = writer.context.schema.limits.writers_max;
        let is_within = writers_max.is_none_or(|max| reader < max.get() as usize);
        Self { may_open: is_within && reader > 0, sibling: None }
    }

    /// The connection for a chunk's rows; none where they go over the schema's own.
    pub async fn sibling(
        &mut self,
        writer: &Writer,
        queue: &JobQueue,
        job: &Job,
    ) -> Option<&mut Sibling> {
        let is_small = || job.chunk.estimated_rows.is_some_and(|rows| rows < ROWS_MIN);
        if !self.may_open || queue.is_alone(job) && is_small() {
            return None;
        }
        if !is_written_apart(writer, &job.table).await {
            return None;
        }
        if self.sibling.is_none() {
            match Sibling::open(&writer.context).await {
                Ok(sibling) => self.sibling = Some(sibling),
                Err(error) => {
                    // It may be the one more that the server does not let in.
                    self.may_open = false;
                    tell_refused(writer, &error);
                }
            }
        }
        self.sibling.as_mut()
    }

    pub async fn close(self) {
        if let Some(sibling) = self.sibling {
            sibling.close().await;
        }
    }
}

async fn is_written_apart(writer: &Writer, table: &str) -> bool {
    writer.tables.lock().await.get(table).is_some_and(Table::is_written_apart)
}

fn tell_refused(writer: &Writer, error: &RunError) {
    if writer.context.destination.log.admits("snapshots") {
        tracing::warn!(
            error = error.chain(),
            "the destination lets no further connection in, so this reader's rows wait for those of others; \
             `limits.writers_max` says how many there may be"
        );
    }
}

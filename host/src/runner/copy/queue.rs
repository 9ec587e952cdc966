//! Which chunk is read next, when several are read at once.
//!
//! Chunks start in the order of their tables. A table never has more readers than its
//! `max_parallel_streams`, and its last chunk is reported as such exactly once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{model::Chunk, runner::state::ChunkProgress};

/// A chunk to read.
#[derive(Clone, Debug)]
pub struct Job {
    pub table: String,
    pub chunk: Chunk,
    pub progress: ChunkProgress,
}

#[derive(Debug, Default)]
struct Table {
    readers_max: usize,
    readers: usize,
    chunks: usize,
    unfinished: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    tables: HashMap<String, Table>,
}

impl Job {
    /// Memory it takes.
    pub fn byte_count(&self) -> usize {
        let cursor = self.progress.cursor.as_ref().map_or(0, Vec::len);
        let chunk = self.chunk.id.len() + self.chunk.descriptor.len();
        size_of::<Self>() + self.table.len() + chunk + cursor
    }
}

/// The chunks that are still to be read.
#[derive(Debug, Default)]
pub struct JobQueue {
    state: Mutex<State>,
    freed: Notify,
}

impl JobQueue {
    /// Adds a table's unfinished chunks.
    pub fn add(&self, table: &str, readers_max: usize, jobs: Vec<Job>) {
        let mut state = self.lock();
        let entry = state.tables.entry(table.into()).or_default();
        entry.readers_max = readers_max.max(1);
        entry.chunks += jobs.len();
        entry.unfinished += jobs.len();
        state.waiting.extend(jobs);
    }

    /// The most readers that can be busy at once.
    pub fn readers_max(&self) -> usize {
        let state = self.lock();
        let widest = state.tables.values().map(|table| table.readers_max).max();
        widest.unwrap_or(0).min(state.waiting.len())
    }

    /// Whether a chunk is all that its table has to copy.
    pub fn is_alone(&self, job: &Job) -> bool {
        self.lock().tables.get(&job.table).is_some_and(|table| table.chunks == 1)
    }

    /// Waits for a chunk that may start now; none when there are no more.
    pub async fn next(&self) -> Option<Job> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before looking, so that a chunk finished in between is not missed.
            freed.as_mut().enable();
            {
                let mut state = self.lock();
                if state.waiting.is_empty() {
                    return None;
                }
                if let Some(job) = state.take() {
                    return Some(job);
                }
            }
            freed.await;
        }
    }

    /// Gives a chunk's place back. True when its table has no unfinished chunk left.
    pub fn finish(&self, job: &Job) -> bool {
        let mut state = self.lock();
        let last = state.tables.get_mut(&job.table).is_some_and(|table| {
            table.readers = table.readers.saturating_sub(1);
            table.unfinished = table.unfinished.saturating_sub(1);
            table.unfinished == 0
        });
        drop(state);
        self.freed.notify_waiters();
        last
    }

    /// Gives a chunk back that was not read to its end.
    pub fn give_back(&self, job: Job) {
        let mut state = self.lock();
        if let Some(table) = state.tables.get_mut(&job.table) {
            table.readers = table.readers.saturating_sub(1);
        }
        state.waiting.push_front(job);
        drop(state);
        self.freed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Option<Job> {
        let Self { waiting, tables } = self;
        let index = waiting.iter().position(|job| {
            tables.get(&job.table).is_some_and(|table| table.readers < table.readers_max)
        })?;
        let job = waiting.remove(index)?;
        tables.entry(job.table.clone()).or_default().readers += 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(table: &str, count: usize) -> Vec<Job> {
        let job = |n: usize| Job {
            table: table.into(),
            chunk: Chunk { id: n.to_string(), descriptor: vec![], estimated_rows: None },
            progress: ChunkProgress::default(),
        };
        (0..count).map(job).collect()
    }

    #[tokio::test]
    async fn a_table_keeps_to_its_readers_and_does_not_hold_up_the_next_one() {
        let queue = JobQueue::default();
        queue.add("a", 1, jobs("a", 2));
        queue.add("b", 2, jobs("b", 1));
        assert_eq!(queue.readers_max(), 2);
        let is_alone = |table| queue.is_alone(&jobs(table, 1)[0]);
        assert!(!is_alone("a") && is_alone("b"));

        let first = queue.next().await.unwrap();
        let second = queue.next().await.unwrap();
        assert_eq!((first.table.as_str(), second.table.as_str()), ("a", "b"));

        assert!(queue.finish(&second), "b has one chunk");
        assert!(!queue.finish(&first), "a has another one");
        let third = queue.next().await.unwrap();
        assert!(queue.next().await.is_none());
        assert!(queue.finish(&third));
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes_when_a_place_is_free() {
        let queue = JobQueue::default();
        queue.add("a", 1, jobs("a", 2));
        let first = queue.next().await.unwrap();
        let (woken, ()) = tokio::join!(queue.next(), async {
            queue.finish(&first);
        });
        assert_eq!(woken.unwrap().chunk.id, "1");
    }
}

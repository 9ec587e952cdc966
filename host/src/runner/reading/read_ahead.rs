//! Source batches that were read and wait for the destination.
//!
//! What bounds them is their bytes (I7). A bound on their number alone would stop a source of small
//! answers at each commit, and let one of large answers fill the memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::limits::BYTES_MAX;

/// Bytes that wait: two full commits.
const WAITING_BYTES_MAX: usize = 2 * BYTES_MAX;
/// Batches that wait, whatever their size.
const WAITING_MAX: usize = 64;

/// A batch with the room that it takes.
type Item<B> = (B, OwnedSemaphorePermit);

/// The reader's end.
pub struct ReadAhead<B> {
    batches: mpsc::Sender<Item<B>>,
    room: Arc<Semaphore>,
    bytes: fn(&B) -> usize,
}

/// The destination's end.
pub struct Waiting<B> {
    batches: mpsc::Receiver<Item<B>>,
}

/// An empty queue of batches; `bytes` says what one takes of the room.
pub fn read_ahead<B>(bytes: fn(&B) -> usize) -> (ReadAhead<B>, Waiting<B>) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let room = Arc::new(Semaphore::new(WAITING_BYTES_MAX));
    (ReadAhead { batches: sender, room, bytes }, Waiting { batches: receiver })
}

impl<B> ReadAhead<B> {
    /// Waits for room. False when nobody takes batches any more.
    pub async fn send(&self, batch: B) -> bool {
        // A batch that is larger than all the room waits until it is alone.
        let bytes = (self.bytes)(&batch).min(WAITING_BYTES_MAX);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(bytes).await else {
            return false;
        };
        self.batches.send((batch, room)).await.is_ok()
    }
}

impl<B> Waiting<B> {
    /// The oldest batch; none when the reader has ended. Nothing is lost when nobody waits for it to
    /// the end.
    pub async fn recv(&mut self) -> Option<B> {
        self.batches.recv().await.map(|(batch, _room)| batch)
    }

    /// The oldest batch, if there is one already.
    pub fn try_recv(&mut self) -> Option<B> {
        self.batches.try_recv().ok().map(|(batch, _room)| batch)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::plugin::ChangeBatch;

    fn batch(bytes: usize) -> ChangeBatch {
        ChangeBatch::with_payload(bytes)
    }

    async fn is_full(queue: &ReadAhead<ChangeBatch>, bytes: usize) -> bool {
        timeout(Duration::from_millis(20), queue.send(batch(bytes))).await.is_err()
    }

    #[tokio::test]
    async fn bytes_and_number_are_bounded() {
        let (queue, mut waiting) = read_ahead(ChangeBatch::byte_count);
        let least = batch(0).byte_count();
        assert!(queue.send(batch(WAITING_BYTES_MAX - 2 * least)).await);
        assert!(queue.send(batch(0)).await);
        assert!(is_full(&queue, 0).await);
        assert_eq!(waiting.recv().await.unwrap().byte_count(), WAITING_BYTES_MAX - least);
        assert!(!is_full(&queue, 0).await);

        let (queue, mut waiting) = read_ahead(ChangeBatch::byte_count);
        for _ in 0..WAITING_MAX {
            assert!(queue.send(batch(0)).await);
        }
        assert!(is_full(&queue, 0).await);
        waiting.recv().await.unwrap();
        assert!(!is_full(&queue, 0).await);
    }

    #[tokio::test]
    async fn a_batch_larger_than_the_room_passes_alone() {
        let (queue, mut waiting) = read_ahead(ChangeBatch::byte_count);
        assert!(queue.send(batch(3 * WAITING_BYTES_MAX)).await);
        assert!(is_full(&queue, 1).await);
        assert!(waiting.recv().await.is_some());
        assert!(queue.send(batch(1)).await);
    }

    #[tokio::test]
    async fn a_reader_learns_that_nobody_takes_its_batches() {
        let (queue, waiting) = read_ahead(ChangeBatch::byte_count);
        drop(waiting);
        assert!(!queue.send(batch(1)).await);
    }
}

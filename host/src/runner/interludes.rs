//! What is to be done for a schema between two of its attempts, when nothing of it is under way.
//!
//! Whoever wants something of a running schema leaves the work here. The processor ends the attempt in flight
//! for it, does it, and begins the next attempt, so the work finds what it would find if nobody ran the schema.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime::Handle, sync::Notify, task::spawn_blocking};
use tracing::{Instrument, Span};

/// Works that wait at a time (I7).
const WAITING_MAX: usize = 16;

/// Done with the surroundings `C` of a schema that rests, on a thread of its own.
pub type Work<C> = Box<dyn FnOnce(Arc<C>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The works that wait for one schema, the oldest first.
pub struct Interludes<C> {
    waiting: Mutex<VecDeque<Work<C>>>,
    came: Notify,
}

impl<C> Default for Interludes<C> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), came: Notify::new() }
    }
}

impl<C: Send + Sync + 'static> Interludes<C> {
    /// Leaves work; false where too much waits already.
    pub fn add(&self, work: Work<C>) -> bool {
        let mut waiting = self.lock();
        if waiting.len() >= WAITING_MAX {
            return false;
        }
        waiting.push_back(work);
        self.came.notify_one();
        true
    }

    /// Does all that waits by now: what comes meanwhile is for the next time, or a flood would never let the schema
    /// go on. Work that panics has told nobody, and takes nothing with it.
    pub async fn work_off(&self, surroundings: &Arc<C>) {
        let waiting = self.lock().len();
        for work in (0..waiting).map_while(|_| self.take()) {
            let (surroundings, span) = (Arc::clone(surroundings), Span::current());
            let runtime = Handle::current();
            // What the commands do is not to be moved between threads while it waits.
            let done = spawn_blocking(move || {
                runtime.block_on(work(surroundings).instrument(span));
            });
            if done.await.is_err() {
                tracing::error!("work between two attempts ended by a panic of the host");
            }
        }
    }

    fn take(&self) -> Option<Work<C>> {
        self.lock().pop_front()
    }

    /// Waits until there is work; it stays here.
    pub async fn come(&self) {
        while self.lock().is_empty() {
            // What comes before this waits leaves its permit.
            self.came.notified().await;
        }
    }

    // A push or a pop is whole, whoever panics.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Work<C>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn works_wait_in_their_order_and_not_without_bound() {
        let (interludes, done) = (Interludes::<AtomicUsize>::default(), Arc::default());
        let work = |number: usize| -> Work<AtomicUsize> {
            Box::new(move |done| {
                Box::pin(async move {
                    assert_eq!(done.fetch_add(1, Ordering::Relaxed), number);
                })
            })
        };
        let moment = Duration::from_millis(20);
        assert!(tokio::time::timeout(moment, interludes.come()).await.is_err(), "there is none");
        for number in 0..WAITING_MAX {
            assert!(interludes.add(work(number)));
        }
        assert!(!interludes.add(work(0)), "that is one too many");
        // Who does not take it hears of it again.
        interludes.come().await;
        interludes.come().await;
        interludes.work_off(&done).await;
        assert_eq!(done.load(Ordering::Relaxed), WAITING_MAX);
        assert!(interludes.add(Box::new(|_| panic!("work fails"))), "there is room again");
        assert!(interludes.add(work(WAITING_MAX)));
        interludes.work_off(&done).await;
        assert_eq!(done.load(Ordering::Relaxed), WAITING_MAX + 1, "the next one is done");
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_for_the_next_time() {
        /// Work that leaves the same work again.
        fn again(queue: Arc<Interludes<AtomicUsize>>) -> Work<AtomicUsize> {
            Box::new(move |done| {
                Box::pin(async move {
                    // A flood that ends, for a queue that would follow it.
                    if done.fetch_add(1, Ordering::Relaxed) < 100 {
                        queue.add(again(Arc::clone(&queue)));
                    }
                })
            })
        }
        let (interludes, done) = (Arc::<Interludes<AtomicUsize>>::default(), Arc::default());
        interludes.add(again(Arc::clone(&interludes)));
        interludes.work_off(&done).await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }
}

//! Threads for guests: a task has one while it has something to do, and none while it waits.
//!
//! A task that is woken is given to the thread that became idle last, or to a new one where none is
//! idle: one that computes, or that the system keeps in a file operation, holds up nobody but itself.
//! So there are never more threads than tasks, and how many tasks there are is the ledger's business
//! (I7). A thread that was not needed for [`KEPT_IDLE`] ends; since the newest is taken first, few
//! are kept where many tasks wake now and then.
//!
//! A task that yields is polled again at once on its thread: others do not wait for it.

use std::{
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

use tokio::runtime::Handle;

/// How long a thread waits for another task.
const KEPT_IDLE: Duration = Duration::from_secs(2);

/// Threads of one name. Clones are the same threads.
#[derive(Clone)]
pub(super) struct Threads(Arc<Inner>);

struct Inner {
    name: String,
    /// Who waits for a task, the newest last.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    thread: ThreadId,
    next: Sender<Arc<Task>>,
}

struct Task {
    threads: Threads,
    /// Its timers and sockets are this runtime's.
    runtime: Handle,
    /// None when it has ended.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    state: AtomicU8,
}

/// Nobody runs it, and nobody is to.
const WAITING: u8 = 0;
/// It is given to a thread.
const GIVEN: u8 = 1;
const RUNNING: u8 = 2;
/// It was woken while it ran.
const WOKEN: u8 = 3;

impl Threads {
    pub(super) fn new(name: String) -> Self {
        Self(Arc::new(Inner { name, idle: Mutex::default() }))
    }

    /// Runs `future` to its end, with the timers of the runtime that this is called in. An error says
    /// that the system gives no thread.
    pub(super) fn start(
        &self,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.give(Arc::new(Task {
            threads: self.clone(),
            runtime: Handle::current(),
            future: Mutex::new(Some(Box::pin(future))),
            state: AtomicU8::new(GIVEN),
        }))
    }

    fn give(&self, task: Arc<Task>) -> io::Result<()> {
        let newest = locked(&self.0.idle).pop();
        let task = match newest {
            Some(idle) => match idle.next.send(task) {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent.0,
            },
            None => task,
        };
        let threads = self.clone();
        let thread = thread::Builder::new().name(self.0.name.clone());
        thread.spawn(move || threads.work(task)).map(drop)
    }

    /// What a thread does: its first task, and then others.
    fn work(&self, first: Arc<Task>) {
        let (next, tasks) = channel();
        let mut task = Some(first);
        while let Some(running) = task {
            running.run();
            drop(running);
            locked(&self.0.idle).push(Idle { thread: thread::current().id(), next: next.clone() });
            task = self.next(&tasks);
        }
    }

    /// The next task of this thread, which is among the idle ones; none when it is not needed.
    fn next(&self, tasks: &Receiver<Arc<Task>>) -> Option<Arc<Task>> {
        if let Ok(task) = tasks.recv_timeout(KEPT_IDLE) {
            return Some(task);
        }
        let this = thread::current().id();
        let mut idle = locked(&self.0.idle);
        let before = idle.len();
        idle.retain(|idle| idle.thread != this);
        let is_wanted = idle.len() == before;
        drop(idle);
        // Whoever took it from the list has a task for it.
        if is_wanted { tasks.recv().ok() } else { None }
    }
}

impl Task {
    /// Polls until there is nothing to do.
    fn run(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        let _timers = self.runtime.enter();
        let mut future = locked(&self.future);
        while let Some(running) = future.as_mut() {
            self.state.swap(RUNNING, Ordering::AcqRel);
            let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut context)));
            if !matches!(polled, Ok(Poll::Pending)) {
                // After a panic, too: whoever waits for an answer learns that there is none.
                *future = None;
            } else if self
                .state
                .compare_exchange(RUNNING, WAITING, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
            {
                return;
            }
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // Written in any case, so that whoever polls it next sees what it was woken for.
        let woken = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            Some(match state {
                WAITING => GIVEN,
                RUNNING => WOKEN,
                given_or_woken => given_or_woken,
            })
        });
        if woken != Ok(WAITING) {
            return;
        }
        let (threads, task) = (self.threads.clone(), Arc::downgrade(&self));
        if let Err(error) = threads.give(self) {
            // Its connection is gone, as if it had broken: nothing would ever run it.
            tracing::warn!(%error, "the system gives no thread for a connector");
            if let Some(task) = task.upgrade() {
                *locked(&task.future) = None;
            }
        }
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A task that panicked is removed, and the list is consistent between statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Instant};

    use tokio::{
        sync::{Notify, oneshot},
        time::{sleep, timeout},
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "never: {what}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn tasks_that_wait_have_no_thread() {
        let threads = Threads::new("test".to_owned());
        let (go, used) = (Arc::new(Notify::new()), Arc::new(Mutex::new(HashSet::new())));
        let mut ended = Vec::new();
        for _ in 0..100 {
            let (go, used) = (Arc::clone(&go), Arc::clone(&used));
            let (end, end_of_task) = oneshot::channel();
            ended.push(end_of_task);
            let task = async move {
                go.notified().await;
                locked(&used).insert(thread::current().id());
                let _ = end.send(());
            };
            threads.start(task).unwrap();
            // Until it waits, so that the next one finds its thread idle.
            eventually("it waits", || !locked(&threads.0.idle).is_empty()).await;
        }
        for end in ended {
            go.notify_one();
            timeout(PATIENCE, end).await.unwrap().unwrap();
            eventually("its thread is idle", || !locked(&threads.0.idle).is_empty()).await;
        }
        assert!(locked(&used).len() < 10, "{} threads", locked(&used).len());
        eventually("none is kept", || locked(&threads.0.idle).is_empty()).await;
        let (end, ended) = oneshot::channel();
        threads.start(async { end.send(()).unwrap() }).unwrap();
        timeout(PATIENCE, ended).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn one_that_blocks_or_computes_holds_up_no_other() {
        let threads = Threads::new("test".to_owned());
        let (release, blocked) = channel::<()>();
        threads.start(async move { assert!(blocked.recv().is_err()) }).unwrap();
        let (stop, mut stopped) = oneshot::channel::<()>();
        threads
            .start(async move {
                while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
                    tokio::task::yield_now().await;
                }
            })
            .unwrap();
        let (end, ended) = oneshot::channel();
        let waits = async {
            sleep(Duration::from_millis(20)).await;
            end.send(()).unwrap();
        };
        threads.start(waits).unwrap();
        timeout(PATIENCE, ended).await.unwrap().unwrap();
        drop((release, stop));
        eventually("all threads are idle", || locked(&threads.0.idle).len() >= 2).await;
    }

    #[tokio::test]
    async fn a_panic_ends_its_task_and_not_the_thread() {
        let threads = Threads::new("test".to_owned());
        let (end, ended) = oneshot::channel::<()>();
        threads
            .start(async move {
                let _end = end;
                sleep(Duration::from_millis(1)).await;
                panic!("on purpose");
            })
            .unwrap();
        assert!(timeout(PATIENCE, ended).await.unwrap().is_err(), "what it had is dropped");
        eventually("the thread is idle", || !locked(&threads.0.idle).is_empty()).await;
    }
}

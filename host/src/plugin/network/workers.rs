//! Threads for what nobody can cancel: the system's look-ups, reading files.
//!
//! Who waits for such work may give up, but its thread goes on until the system answers. So a thread
//! costs as long as it runs, not as long as somebody waits (I7): its plugin's turn, the process's and
//! the charge are given back by the thread itself. They are threads of their own, so that tokio's
//! pool for blocking work stays the host's.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::plugin::{
    Resource, Role,
    ledger::{Account, Charge},
};

/// Whose work it is.
#[derive(Clone)]
pub(in crate::plugin) struct Owner {
    pub role: Role,
    pub plugin: Arc<str>,
    pub account: Account,
}

/// Threads of one kind of work, bounded for each plugin and for the process.
pub(super) struct Workers {
    kind: &'static str,
    process: Arc<Semaphore>,
    plugin_max: usize,
    plugins: Mutex<Turns>,
}

/// How many threads each plugin may have more.
type Turns = HashMap<(Role, Arc<str>), Arc<Semaphore>>;

/// The right to one thread.
pub(super) struct Turn {
    _plugin: OwnedSemaphorePermit,
    _process: OwnedSemaphorePermit,
    _thread: Charge,
}

impl Workers {
    /// `kind` names the threads, so that a person who looks at a process knows what they are.
    pub(super) fn new(kind: &'static str, plugin_max: usize, process_max: usize) -> Self {
        let process = Arc::new(Semaphore::new(process_max));
        Self { kind, process, plugin_max, plugins: Mutex::default() }
    }

    /// Waits until the plugin may have another thread. Only its own threads and, where all plugins
    /// together have too many, the process's are waited for.
    pub(super) async fn turn(&self, owner: &Owner) -> io::Result<Turn> {
        let of_plugin = self.of_plugin(owner).acquire_owned().await.map_err(io::Error::other)?;
        let process = Arc::clone(&self.process).acquire_owned().await.map_err(io::Error::other)?;
        let thread = owner.account.charge(Resource::Threads, 1).map_err(io::Error::other)?;
        Ok(Turn { _plugin: of_plugin, _process: process, _thread: thread })
    }

    /// Works on a thread of its own, which takes the turn with it.
    pub(super) fn spawn(&self, turn: Turn, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let name = format!("plugin-{}", self.kind);
        thread::Builder::new().name(name).spawn(move || {
            work();
            drop(turn);
        })?;
        Ok(())
    }

    /// Works on a thread and waits for what comes of it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        owner: &Owner,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let turn = self.turn(owner).await?;
        let (done, outcome) = oneshot::channel();
        // Nobody may be waiting any more.
        self.spawn(turn, move || drop(done.send(work())))?;
        outcome.await.map_err(|_| io::Error::other("the work broke off"))
    }

    fn of_plugin(&self, owner: &Owner) -> Arc<Semaphore> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let semaphore = plugins
            .entry((owner.role, Arc::clone(&owner.plugin)))
            .or_insert_with(|| Arc::new(Semaphore::new(self.plugin_max)));
        Arc::clone(semaphore)
    }
}

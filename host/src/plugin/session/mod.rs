//! One open connection: a task that owns the Store, and handles that send it calls.
//!
//! The task runs on threads for guests ([`threads`](super::threads)): a guest that computes or waits
//! for the disk takes no time from the runtime's threads, and file operations need no hand-over to
//! another thread. While nothing is to be done it has none.
//!
//! Calls run one at a time in the order they came; those waiting are bounded (I7). The first cause
//! that is not the connector's own failure ends the task and drops the Store, and every later call
//! answers [`Cause::Gone`] (I9).
//!
//! A caller that gives up (drops its future) changes nothing: a call that has not begun is skipped,
//! one that has goes to its end and its answer is thrown away. So the connection stays usable, and
//! what the guest showed once (a schema) is not lost with the answer.

mod open;
mod task;
mod thread;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{MutexGuard, mpsc, oneshot},
    time::timeout,
};
use tracing::Instrument;
use wasmtime::{Store, component::ResourceAny};

use super::{
    Cause, ConnectSettings, Limits, Patience, Place, Places, Plugin, PluginError, Role,
    bindings::source::cartridge::warp::types::ConnectConfig,
    limits::{CALLS_QUEUED_MAX, DISCONNECT_DEADLINE, STUCK_AFTER},
    place::Whereabouts,
    program::Program,
    state::State,
};
use task::{Caller, Command};

/// What runs on an instance: one exported function and the check of its answer.
pub(super) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Cause>> + Send + 'a>>;

/// One of the two roles: how its component is opened, and what its connection keeps.
pub(super) trait Protocol: Send + Sized + 'static {
    const ROLE: Role;

    fn connect<'a>(
        store: &'a mut Store<State>,
        program: &'a Program,
        config: ConnectConfig,
    ) -> Work<'a, Self>;

    /// The guest's connection, to be dropped at the end.
    fn connection(&self) -> ResourceAny;
}

/// A Store and what lives in it.
pub(super) struct Instance<P> {
    pub(super) store: Store<State>,
    pub(super) guest: P,
}

/// A handle to an open connection. Clones share it; the last one to go disconnects.
pub(super) struct Session<P> {
    plugin: Arc<Plugin>,
    limits: Limits,
    patience: Patience,
    places: Places,
    commands: mpsc::Sender<Command<P>>,
    whereabouts: Arc<Whereabouts>,
}

impl<P> Clone for Session<P> {
    fn clone(&self) -> Self {
        Self {
            plugin: Arc::clone(&self.plugin),
            limits: self.limits.clone(),
            patience: self.patience.clone(),
            places: self.places.clone(),
            commands: self.commands.clone(),
            whereabouts: Arc::clone(&self.whereabouts),
        }
    }
}

impl<P: Protocol> Session<P> {
    /// Opens a connection; a connector that asks for a pause is asked again after it.
    pub(super) async fn open(
        plugin: &Arc<Plugin>,
        settings: ConnectSettings,
    ) -> Result<Self, PluginError> {
        let mut waits = 0;
        loop {
            match Self::open_once(plugin, settings.clone()).await {
                Err(error) => {
                    waits += 1;
                    let log = plugin.log_rate(&settings.limits);
                    if !settings.patience.wait(&error, waits, &log).await {
                        return Err(error);
                    }
                }
                opened => return opened,
            }
        }
    }

    async fn open_once(
        plugin: &Arc<Plugin>,
        settings: ConnectSettings,
    ) -> Result<Self, PluginError> {
        let (limits, patience) = (settings.limits.clone(), settings.patience.clone());
        let places = settings.grants.places.clone();
        let (commands, queue) = mpsc::channel(CALLS_QUEUED_MAX);
        let (opened, answer) = oneshot::channel();
        let span =
            tracing::debug_span!("plugin", plugin = plugin.info.name, label = settings.label);
        let whereabouts = Arc::<Whereabouts>::default();
        let looking_on = Arc::clone(&whereabouts);
        let task = task::run::<P>(Arc::clone(plugin), settings, looking_on, opened, queue);
        let session = Self {
            plugin: Arc::clone(plugin),
            limits,
            patience,
            places: places.clone(),
            commands,
            whereabouts,
        };
        let _turn = places.turn().await;
        let ledger = plugin.engine().ledger();
        let account = ledger.account(P::ROLE, &plugin.info.name, session.limits.bounds);
        let threads = plugin.engine().threads(P::ROLE);
        let started = thread::start(threads, &account, task.instrument(span));
        started.map_err(|cause| session.error("connect", cause))?;
        let patience = session.limits.call_deadline.saturating_add(STUCK_AFTER);
        match timeout(patience, answer).await {
            Ok(Ok(Ok(()))) => Ok(session),
            Ok(Ok(Err(cause))) => Err(session.error("connect", cause)),
            Ok(Err(_)) => Err(session.error("connect", Cause::Gone)),
            Err(_) => Err(session.error("connect", session.stuck(patience))),
        }
    }

    /// Runs `work` on the instance. `wait` is what the guest was told it may wait. Where the guest
    /// asks for a pause, the work is done again after it, on the same instance.
    pub(super) async fn call<T, W>(
        &self,
        call: &'static str,
        wait: Duration,
        work: W,
    ) -> Result<T, PluginError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut Instance<P>) -> Work<'a, T> + Clone + Send + 'static,
    {
        let mut waits = 0;
        loop {
            match self.call_once(call, wait, work.clone()).await {
                Err(error) => {
                    waits += 1;
                    let log = self.plugin.log_rate(&self.limits);
                    if !self.patience.wait(&error, waits, &log).await {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    async fn call_once<T, W>(
        &self,
        call: &'static str,
        wait: Duration,
        work: W,
    ) -> Result<T, PluginError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut Instance<P>) -> Work<'a, T> + Send + 'static,
    {
        let deadline = self.limits.call_deadline.saturating_add(wait);
        let (begun, began) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let span = tracing::debug_span!(
            "plugin_call",
            call,
            plugin = self.plugin.info.name,
            role = P::ROLE.word()
        );
        let job = task::job(call, deadline, span, Caller { begun, reply }, work);
        let answered = async {
            let _turn = self.turn(wait).await;
            self.commands.send(Command::Call(job)).await.map_err(|_| Cause::Gone)?;
            began.await.map_err(|_| Cause::Gone)?;
            // The task keeps the deadline itself, unless the system keeps it in a file operation.
            match timeout(deadline.saturating_add(STUCK_AFTER), answer).await {
                Ok(answer) => answer.unwrap_or(Err(Cause::Gone)),
                Err(_) => Err(self.stuck(deadline)),
            }
        };
        answered.await.map_err(|cause| self.error(call, cause))
    }

    /// Waits for siblings that write the same files. A call that may wait for something to come takes
    /// no turn: it would keep all of them waiting.
    async fn turn(&self, wait: Duration) -> Option<MutexGuard<'_, ()>> {
        if wait.is_zero() { self.places.turn().await } else { None }
    }

    /// Disconnects after the calls that are waiting. Other handles find the connection gone.
    pub(super) async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            // An error says that the task ended before: closed as well. One that is stuck is left.
            let _ = timeout(DISCONNECT_DEADLINE.saturating_add(STUCK_AFTER), closed).await;
        }
    }

    /// Its thread does not keep the deadline: the system has it.
    fn stuck(&self, after: Duration) -> Cause {
        let stuck = "the system does not give its thread back".to_owned();
        Cause::Deadline { after, place: Place::new([self.whereabouts.place(), stuck]) }
    }

    pub(super) fn error(&self, call: &'static str, cause: Cause) -> PluginError {
        PluginError { plugin: self.plugin.info.name.clone(), role: P::ROLE, call, cause }
    }
}

/// How long a call took, and how it ended, for the observer.
fn observe(state: &State, call: &'static str, started: Instant, cause: Option<&Cause>) {
    state.count_cpu();
    let identity = &state.identity;
    let outcome = cause.map_or("ok", Cause::kind);
    identity.observer.call(identity.origin(), call, started.elapsed(), outcome);
    identity.observer.memory_bytes(identity.origin(), identity.instance, state.limiter.bytes());
}

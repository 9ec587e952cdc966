//! The task that owns a Store.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tracing::{Instrument, Span};

use super::{Instance, Protocol, Work, observe, open};
use crate::plugin::{
    Cause, ConnectSettings, Plugin, cpu::watched, limits::DISCONNECT_DEADLINE, output::log::Level,
    place::Whereabouts,
};

/// What lines about a bad end are called in the log's summary.
const KIND: &str = "disconnects";

pub(super) enum Command<P> {
    Call(Job<P>),
    Close(oneshot::Sender<()>),
}

/// Whether an instance may be entered again (I9).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Sound,
    Broken,
}

/// A call with its reply.
pub(super) type Job<P> = Box<dyn for<'a> FnOnce(&'a mut Instance<P>) -> Verdict<'a> + Send>;
type Verdict<'a> = Pin<Box<dyn Future<Output = Health> + Send + 'a>>;

/// The other end of a call.
pub(super) struct Caller<T> {
    /// Told when the calls before are done.
    pub begun: oneshot::Sender<()>,
    pub reply: oneshot::Sender<Result<T, Cause>>,
}

pub(super) fn job<P, T, W>(
    call: &'static str,
    deadline: Duration,
    span: Span,
    caller: Caller<T>,
    work: W,
) -> Job<P>
where
    P: Protocol,
    T: Send + 'static,
    W: for<'a> FnOnce(&'a mut Instance<P>) -> Work<'a, T> + Send + 'static,
{
    Box::new(move |instance| {
        let run = async move {
            let Caller { begun, reply } = caller;
            if begun.send(()).is_err() {
                return Health::Sound;
            }
            let state = instance.store.data_mut();
            state.begin_call(deadline);
            let share = state.share.clone();
            let started = Instant::now();
            let work = work(instance);
            // Epochs make a busy guest yield to this timeout; a waiting one is cut by it as it is.
            let outcome = match share {
                Some(share) => timeout(deadline, watched(share, work)).await,
                None => timeout(deadline, work).await,
            };
            let state = instance.store.data();
            let late = |_| Err(Cause::Deadline { after: deadline, place: state.place() });
            let outcome = outcome.unwrap_or_else(late);
            observe(state, call, started, outcome.as_ref().err());
            let fatal = outcome.as_ref().err().filter(|cause| cause.is_fatal());
            if let Some(cause) = fatal {
                let identity = &state.identity;
                identity.observer.instance_lost(identity.origin(), cause.kind());
            }
            let health = if fatal.is_some() { Health::Broken } else { Health::Sound };
            // Nobody listens when the caller gave up.
            let _ = reply.send(outcome);
            health
        };
        Box::pin(run.instrument(span))
    })
}

/// Opens the connection, answers `opened`, and serves calls until the last handle is gone, one
/// closes it, or the instance breaks.
pub(super) async fn run<P: Protocol>(
    plugin: Arc<Plugin>,
    settings: ConnectSettings,
    whereabouts: Arc<Whereabouts>,
    opened: oneshot::Sender<Result<(), Cause>>,
    mut queue: mpsc::Receiver<Command<P>>,
) {
    let mut instance = match open::open::<P>(&plugin, settings, whereabouts).await {
        Ok(instance) => instance,
        Err(cause) => {
            let _ = opened.send(Err(cause));
            return;
        }
    };
    // When the caller gave up, its handle is gone and the queue ends at once.
    let _ = opened.send(Ok(()));
    let mut closed = None;
    let mut health = Health::Sound;
    while let Some(command) = queue.recv().await {
        match command {
            Command::Call(job) => {
                health = job(&mut instance).await;
                if health == Health::Broken {
                    break;
                }
            }
            Command::Close(done) => {
                closed = Some(done);
                break;
            }
        }
    }
    // From here on waiting and later calls answer `Gone`.
    drop(queue);
    end(instance, health).await;
    if let Some(done) = closed {
        let _ = done.send(());
    }
}

/// Disconnects a sound instance; a broken one is dropped without being entered (I9).
async fn end<P: Protocol>(mut instance: Instance<P>, health: Health) {
    let identity = instance.store.data().identity.clone();
    if health == Health::Sound {
        let connection = instance.guest.connection();
        let dropped = connection.resource_drop_async(&mut instance.store);
        match timeout(DISCONNECT_DEADLINE, Box::pin(dropped)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let line = format!("the connector crashed on disconnect: {error:#}");
                instance.store.data().log.host_line(KIND, Level::Warn, &line);
            }
            Err(_) => {
                let line = format!("the connector did not disconnect in {DISCONNECT_DEADLINE:?}");
                instance.store.data().log.host_line(KIND, Level::Warn, &line);
            }
        }
    }
    let Instance { store, guest } = instance;
    drop(guest);
    // The guest's memory goes before the state that counts it.
    drop(store.into_data());
    identity.observer.memory_bytes(identity.origin(), identity.instance, 0);
}

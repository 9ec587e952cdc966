//! The listener and its limits.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::process::geteuid;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::heads::{Head, Heads};

/// Further clients take the place of those that have not asked yet, or wait.
const CONNECTIONS_MAX: u32 = 32;
/// From the connection's first byte to the end of its request's head.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long answers under way may take after the shutdown began.
const DRAIN_MAX: Duration = Duration::from_secs(2);
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// After a refused accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What one server's clients may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What is served, for the log.
    pub name: &'static str,
    /// The whole life of a connection, a slowly read answer included.
    pub answer_max: Duration,
}

/// Marks an answer that goes on until its maker ends it: it has no deadline. Who makes such bounds their number.
#[derive(Clone, Copy, Debug)]
pub struct LongLived;

/// Where clients come from.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    /// Only for processes of this one's user, and of root, whatever the file's mode says.
    Unix(UnixListener),
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => loop {
                let (stream, _) = listener.accept().await?;
                if stream.peer_cred().is_ok_and(|peer| is_ours(peer.uid())) {
                    break Box::new(stream);
                }
            },
        })
    }
}

fn is_ours(user: u32) -> bool {
    user == geteuid().as_raw() || user == 0
}

/// A server that is answering.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers until `shutdown`.
    pub fn start(
        listener: Listener,
        routes: Router,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> Self {
        let task = tokio::spawn(accept_until(listener, routes, limits, shutdown));
        Self { name: limits.name, task }
    }

    /// Waits until the shutdown is through: no answer is under way any more, or they were given up.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(server = self.name, error = %error, "a server ended by itself");
        }
    }
}

async fn accept_until(
    listener: Listener,
    routes: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let heads = Heads::default();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots, &heads) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let (routes, head) = (routes.clone(), heads.begin());
                tokio::spawn(async move {
                    answer(stream, routes, limits, head).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(server = limits.name, error = %error, "a connection was lost");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // All slots free means that no answer is under way.
    if timeout(DRAIN_MAX, slots.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::debug!(server = limits.name, "answers were given up at shutdown");
    }
}

async fn accept(
    listener: &Listener,
    slots: &Arc<Semaphore>,
    heads: &Heads,
) -> io::Result<(Box<dyn Stream>, OwnedSemaphorePermit)> {
    let stream = listener.accept().await?;
    if slots.available_permits() == 0 {
        heads.give_up_the_oldest();
    }
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    Ok((stream, slot))
}

/// One request, one answer. What goes wrong is the client's affair.
async fn answer(stream: Box<dyn Stream>, routes: Router, limits: Limits, head: Head) {
    let given_up = head.given_up.clone();
    let (head, routes) = (Mutex::new(Some(head)), TowerToHyperService::new(routes));
    let is_long = AtomicBool::new(false);
    let service = service_fn(|request| {
        // It is here: nobody takes its place any more.
        drop(head.lock().unwrap_or_else(PoisonError::into_inner).take());
        let answered = routes.call(request);
        let is_long = &is_long;
        async move {
            let answer = answered.await?;
            is_long.store(answer.extensions().get::<LongLived>().is_some(), Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let too_late = async {
        sleep(limits.answer_max).await;
        if is_long.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let name = limits.name;
    tokio::select! {
        answered = connection => if let Err(error) = answered {
            tracing::debug!(server = name, error = %error, "bad request");
        },
        () = too_late => tracing::debug!(server = name, "a client was too slow"),
        () = given_up.cancelled() => {}
    }
}

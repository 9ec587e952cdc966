//! The listener and its limits.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
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
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::MonitorError,
    heads::{Head, Heads},
};

/// Further clients take the place of those that have not asked yet, or wait.
const CONNECTIONS_MAX: u32 = 32;
/// From the connection's first byte to the end of its request's head.
const HEAD_WAIT_MAX: Duration = Duration::from_secs(5);
/// The whole life of a connection, a slowly read answer included.
const CONNECTION_MAX: Duration = Duration::from_secs(10);
/// How long answers under way may take after the shutdown began.
const DRAIN_MAX: Duration = Duration::from_secs(2);
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// After a refused accept, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that is bound and answering.
#[derive(Debug)]
pub struct BoundServer {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl BoundServer {
    /// Where it listens; with port 0 asked for, the port that was picked.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until the shutdown is through: no answer is under way any more, or they were given up.
    pub async fn stopped(self) {
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "the monitoring server ended by itself");
        }
    }

    pub(super) async fn start(
        addr: SocketAddr,
        routes: Router,
        shutdown: CancellationToken,
    ) -> Result<Self, MonitorError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => MonitorError::PortInUse { addr, source },
            _ => MonitorError::Address { addr, source },
        };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let task = tokio::spawn(accept_until(listener, routes, shutdown));
        Ok(Self { addr, task })
    }
}

async fn accept_until(listener: TcpListener, routes: Router, shutdown: CancellationToken) {
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
                    answer(stream, routes, head).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection to the monitoring port was lost");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // All slots free means that no answer is under way.
    if timeout(DRAIN_MAX, slots.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::debug!("answers of the monitoring port were given up at shutdown");
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    heads: &Heads,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let (stream, _) = listener.accept().await?;
    if slots.available_permits() == 0 {
        heads.give_up_the_oldest();
    }
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    Ok((stream, slot))
}

/// One request, one answer. What goes wrong is the client's affair.
async fn answer(stream: TcpStream, routes: Router, head: Head) {
    let given_up = head.given_up.clone();
    let (head, routes) = (Mutex::new(Some(head)), TowerToHyperService::new(routes));
    let service = service_fn(|request| {
        // It is here: nobody takes its place any more.
        drop(head.lock().unwrap_or_else(PoisonError::into_inner).take());
        routes.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let answered = tokio::select! {
        answered = timeout(CONNECTION_MAX, connection) => answered,
        () = given_up.cancelled() => return,
    };
    match answered {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %error, "bad request to the monitoring port"),
        Err(_) => tracing::debug!("a client of the monitoring port was too slow"),
    }
}

//! The listener and its limits.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
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

use super::super::MonitorError;

/// Further clients wait in the kernel's backlog.
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
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, slot)) => {
                let routes = routes.clone();
                tokio::spawn(async move {
                    answer(stream, routes).await;
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
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

/// One request, one answer. What goes wrong is the client's affair.
async fn answer(stream: TcpStream, routes: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    match timeout(CONNECTION_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %error, "bad request to the monitoring port"),
        Err(_) => tracing::debug!("a client of the monitoring port was too slow"),
    }
}

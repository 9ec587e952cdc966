//! The monitoring port: `/metrics`, `/health`, `/ready`, `/startup`.
//!
//! Read-only and small: GET only, one request a connection, and every connection has a deadline, so
//! that a slow client costs a slot for seconds and never the pipeline anything (I7). No
//! authentication: it listens on 127.0.0.1 unless the operator says otherwise.

mod answers;
mod page;

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Health, Metrics, MonitorError};
use crate::serving::{Limits, Listener, Server};

const LIMITS: Limits = Limits { name: "monitoring", answer_max: Duration::from_secs(10) };

/// A server that is bound and answering.
#[derive(Debug)]
pub struct BoundServer {
    addr: SocketAddr,
    server: Server,
}

impl BoundServer {
    /// Where it listens; with port 0 asked for, the port that was picked.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until the shutdown is through: no answer is under way any more, or they were given up.
    pub async fn stopped(self) {
        self.server.stopped().await;
    }
}

/// Listens on `addr` (port 0: a free one) and answers until `shutdown`.
///
/// Returns once the port is bound, so that a port in use is an error of the start and not a line in
/// the log. `unready_after`: how long a schema may try again in vain and `/ready` still say yes.
pub async fn serve(
    addr: SocketAddr,
    path_of_metrics: &str,
    metrics: Metrics,
    health: Health,
    unready_after: Duration,
    shutdown: CancellationToken,
) -> Result<BoundServer, MonitorError> {
    let routes = answers::routes(path_of_metrics, metrics, health, unready_after)?;
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => MonitorError::PortInUse { addr, source },
        _ => MonitorError::Address { addr, source },
    };
    let listener = TcpListener::bind(addr).await.map_err(refused)?;
    let addr = listener.local_addr().map_err(refused)?;
    let server = Server::start(Listener::Tcp(listener), routes, LIMITS, shutdown);
    Ok(BoundServer { addr, server })
}

#[cfg(test)]
mod tests;

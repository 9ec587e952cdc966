//! The monitoring port: `/metrics`, `/health`, `/ready`, `/startup`.
//!
//! Read-only and small: GET only, one request a connection, and every connection has a deadline, so
//! that a slow client costs a slot for seconds and never the pipeline anything (I7). No
//! authentication: it listens on 127.0.0.1 unless the operator says otherwise.

mod answers;
mod heads;
mod page;
mod server;

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use super::{Health, Metrics, MonitorError};
pub use server::BoundServer;

/// Listens on `addr` (port 0: a free one) and answers until `shutdown`.
///
/// Returns once the port is bound, so that a port in use is an error of the start and not a line in
/// the log.
pub async fn serve(
    addr: SocketAddr,
    path_of_metrics: &str,
    metrics: Metrics,
    health: Health,
    shutdown: CancellationToken,
) -> Result<BoundServer, MonitorError> {
    let routes = answers::routes(path_of_metrics, metrics, health)?;
    BoundServer::start(addr, routes, shutdown).await
}

#[cfg(test)]
mod tests;

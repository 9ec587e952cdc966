//! Serves a run on its socket, and on a port where the operator wants it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::middleware::{from_fn, from_fn_with_state};
use tokio::{
    net::{TcpListener, UnixListener},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{
    error::ControlError,
    guard::{Guard, check, refuse_pages},
    page,
    place::{Place, Taken},
    routes::{Run, routes},
    token::Token,
};
use crate::{
    runner::ORDER_WAIT_MAX,
    serving::{Limits, Listener, Server},
};

/// Looks whether a socket that another run has is free by now.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// An order's answer may take as long as the order waits, and a slow reader a while more.
const LIMITS: Limits =
    Limits { name: "control", answer_max: ORDER_WAIT_MAX.saturating_add(Duration::from_secs(30)) };

/// Serves until `shutdown`, when what this gives is awaited. Where another run of the pipeline has the socket, this one
/// serves as soon as that one has ended. A place that the operator did not name and that cannot be used costs a line
/// of the log.
pub fn serve(
    place: Place,
    run: Arc<Run>,
    shutdown: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, ControlError> {
    let shutdown = shutdown.child_token();
    let first = match place.take() {
        Ok(taken) => Some(taken),
        Err(error @ ControlError::Held { .. }) => {
            tracing::warn!(
                "{error}: orders reach that run until it ends, and this one from then on"
            );
            None
        }
        Err(error) if place.is_named => return Err(error),
        Err(error) => {
            tracing::warn!("this run takes no orders: {error}");
            shutdown.cancel();
            None
        }
    };
    Ok(async move {
        let taken = match first {
            Some(taken) => Some(taken),
            None => shutdown.run_until_cancelled(wait_for(&place)).await,
        };
        if let Some((listener, taken)) = taken {
            answer(listener, taken, run, &place, shutdown).await;
        }
    })
}

/// Serves on a port until `shutdown`, to those who show the token.
pub async fn listen(
    addr: SocketAddr,
    token: Token,
    run: Arc<Run>,
    shutdown: CancellationToken,
) -> Result<Server, ControlError> {
    let refused = |source: io::Error| ControlError::Address { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let is_loopback = address.ip().is_loopback();
    if !is_loopback {
        tracing::warn!(
            "`control.listen` is reachable by others, without TLS: whoever sees the token on its way can use it"
        );
    }
    tracing::info!(control = %address, "taking orders over TCP; a browser has a page there");
    let guard = Arc::new(Guard { token, is_loopback });
    let served = routes(run, shutdown.clone()).merge(page::routes());
    let guarded = served.layer(from_fn_with_state(guard, check));
    Ok(Server::start(Listener::Tcp(listener), guarded, LIMITS, shutdown))
}

async fn wait_for(place: &Place) -> (UnixListener, Taken) {
    loop {
        sleep(LOOK_EVERY).await;
        if let Ok(taken) = place.take() {
            return taken;
        }
    }
}

async fn answer(
    listener: UnixListener,
    taken: Taken,
    run: Arc<Run>,
    place: &Place,
    shutdown: CancellationToken,
) {
    tracing::info!(socket = %place.socket.display(), "taking orders");
    let guarded = routes(run, shutdown.clone()).layer(from_fn(refuse_pages));
    let server = Server::start(Listener::Unix(listener), guarded, LIMITS, shutdown);
    server.stopped().await;
    drop(taken);
}

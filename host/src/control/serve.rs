//! Serves a run on its socket.

use std::{sync::Arc, time::Duration};

use tokio::{net::UnixListener, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    error::ControlError,
    place::{Place, Taken},
    routes::{Run, routes},
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

/// Serves until `shutdown`. Where another run of the pipeline has the socket, this one serves as soon as that one
/// has ended. A place that the operator did not name and that cannot be used costs a line of the log.
pub fn serve(
    place: Place,
    run: Arc<Run>,
    shutdown: CancellationToken,
) -> Result<JoinHandle<()>, ControlError> {
    let first = match place.take() {
        Err(error @ ControlError::Held { .. }) => {
            tracing::warn!(
                "{error}: orders reach that run until it ends, and this one from then on"
            );
            None
        }
        Err(error) if place.is_named => return Err(error),
        Err(error) => {
            tracing::warn!("this run takes no orders: {error}");
            return Ok(tokio::spawn(async {}));
        }
        Ok(taken) => Some(taken),
    };
    Ok(tokio::spawn(async move {
        let taken = match first {
            Some(taken) => Some(taken),
            None => shutdown.run_until_cancelled(wait_for(&place)).await,
        };
        if let Some((listener, taken)) = taken {
            answer(listener, taken, run, &place, shutdown).await;
        }
    }))
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
    let server =
        Server::start(Listener::Unix(listener), routes(run, shutdown.clone()), LIMITS, shutdown);
    server.stopped().await;
    drop(taken);
}

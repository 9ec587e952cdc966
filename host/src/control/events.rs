//! `GET /v1/events`: what changes, as server-sent events.
//!
//! Events wait in the listener's own queue (`monitor/events`), never in the pipeline. A listener that reads too slowly
//! is told how many it lost; one that reads nothing for a while is let go (I7).

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use miette::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncWriteExt, SimplexStream, WriteHalf, simplex},
    sync::{
        Semaphore,
        broadcast::{Receiver, error::RecvError},
    },
    time::{sleep, timeout},
};
use tokio_util::{io::ReaderStream, sync::CancellationToken};

use super::answers::{Told, json, text};
use crate::{
    monitor::{Event, Health},
    serving::LongLived,
};

/// Who may listen at a time; beyond them connections are left for orders.
const LISTENERS_MAX: usize = 8;
/// What is written to a listener before it has read what was before.
const BUFFER_BYTES: usize = 64 * 1024;
/// A line says nothing as often, so that a listener that is gone is found out.
const QUIET_MAX: Duration = Duration::from_secs(15);
/// How long a listener may read nothing while there is something.
const STUCK_MAX: Duration = Duration::from_secs(60);

/// Events that a listener did not get, since it read too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lost {
    pub lost: u64,
}

#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{LISTENERS_MAX} listen already")]
#[diagnostic(code("listeners"), help("end one of those that listen to the run's events"))]
struct TooMany;

/// Where listeners are let in.
#[derive(Clone)]
pub struct Events {
    health: Health,
    places: Arc<Semaphore>,
    over: CancellationToken,
}

impl Events {
    /// Until `over`.
    pub fn new(health: Health, over: CancellationToken) -> Self {
        Self { health, places: Arc::new(Semaphore::new(LISTENERS_MAX)), over }
    }

    /// Tells a listener what changes from now on.
    pub fn answer(&self) -> Response {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return json(StatusCode::SERVICE_UNAVAILABLE, &Told::of(&TooMany));
        };
        let (heard, over) = (self.health.listen(), self.over.clone());
        let (reader, writer) = simplex(BUFFER_BYTES);
        tokio::spawn(async move {
            // An error says that the listener is gone.
            let _ = tell(heard, writer, over).await;
            drop(place);
        });
        let head =
            [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
        let mut response = (head, Body::from_stream(ReaderStream::new(reader))).into_response();
        response.extensions_mut().insert(LongLived);
        response
    }
}

async fn tell(
    mut heard: Receiver<Event>,
    mut listener: WriteHalf<SimplexStream>,
    over: CancellationToken,
) -> io::Result<()> {
    loop {
        let line = tokio::select! {
            // What came before the end is told before it.
            biased;
            event = heard.recv() => match event {
                Ok(event) => format!("event: state\ndata: {}\n\n", text(&event)?),
                Err(RecvError::Lagged(lost)) => {
                    format!("event: lost\ndata: {}\n\n", text(&Lost { lost })?)
                }
                Err(RecvError::Closed) => return Ok(()),
            },
            () = over.cancelled() => return Ok(()),
            () = sleep(QUIET_MAX) => ":\n\n".to_owned(),
        };
        timeout(STUCK_MAX, listener.write_all(line.as_bytes())).await??;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::monitor::{SchemaState, events::QUEUE_MAX};

    #[tokio::test]
    async fn a_listener_that_reads_too_slowly_is_told_what_it_lost() {
        let health = Health::new(["shop"]);
        let heard = health.listen();
        let (mut reader, writer) = simplex(BUFFER_BYTES);
        let fail = |number: usize| {
            let error = format!("failure {number} {}", "x".repeat(1_000));
            health.set("shop", SchemaState::Failed { error });
        };
        let telling = tokio::spawn(tell(heard, writer, CancellationToken::new()));
        let all = 3 * QUEUE_MAX;
        for number in 0..all {
            fail(number);
            // It runs into the buffer, which nobody empties.
            tokio::task::yield_now().await;
        }
        let (mut told, mut buffer) = (String::new(), [0; 4096]);
        while !told.contains(&format!("failure {} ", all - 1)) {
            let count = reader.read(&mut buffer).await.unwrap();
            told.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        let lost: usize = told
            .split("{\"lost\":")
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap().parse::<usize>().unwrap())
            .sum();
        assert!(lost >= all - 2 * QUEUE_MAX, "{lost}");
        assert_eq!(lost + told.matches("event: state").count(), all);
        telling.abort();
    }

    #[tokio::test]
    async fn only_so_many_listen() {
        let events = Events::new(Health::new(["shop"]), CancellationToken::new());
        let listening: Vec<_> = (0..LISTENERS_MAX).map(|_| events.answer()).collect();
        assert!(listening.iter().all(|answer| answer.status() == StatusCode::OK));
        assert_eq!(events.answer().status(), StatusCode::SERVICE_UNAVAILABLE);
        events.over.cancel();
        while events.places.available_permits() < LISTENERS_MAX {
            tokio::task::yield_now().await;
        }
    }
}

//! Logs in for a connector, so that the guest never has the password.
//!
//! The guest speaks as if it needed none. Its first message is held back, its user is checked, and
//! the host talks with the server until that lets the user in; then bytes pass as on any connection.
//! What comes from either side until then is hostile and bounded (I7, I8).

mod exchange;
mod halves;
mod messages;
mod startup;

use std::sync::Arc;

use bytes::Bytes;
use tokio::{select, sync::oneshot, time::timeout};

use self::{
    exchange::{Exchange, Refusal},
    halves::{Answer, GuestReading, GuestWriting},
};
use super::{
    account::Login,
    limits::LOGIN_TIMEOUT,
    outside::Outside,
    report::Report,
    streams::{Connection, Reading, Writing},
    workers::Owner,
};

/// What a login needs beside the connection.
pub(super) struct Surroundings {
    pub login: Login,
    /// Whether the server had to prove who it is before the first byte.
    pub verified: bool,
    pub outside: Arc<Outside>,
    pub owner: Owner,
    pub report: Report,
    /// The place, for the report.
    pub place: String,
}

/// The connection as the guest gets it. Ended with the guest's halves of it.
pub(super) fn attended(connection: Connection, surroundings: Surroundings) -> Connection {
    let Connection { reading, writing, local_port, stripped } = connection;
    let (first, begins) = oneshot::channel();
    let (answer, answered) = oneshot::channel();
    let (open, opened) = oneshot::channel();
    tokio::spawn(attend(surroundings, begins, (reading, writing), answer, open));
    Connection {
        reading: Box::new(GuestReading::new(answered)),
        writing: Box::new(GuestWriting::new(first, opened)),
        local_port,
        stripped,
    }
}

async fn attend(
    surroundings: Surroundings,
    begins: oneshot::Receiver<Bytes>,
    (mut reading, mut writing): (Reading, Writing),
    mut answer: oneshot::Sender<Answer>,
    open: oneshot::Sender<Writing>,
) {
    let Ok(first) = begins.await else { return };
    let exchange = Exchange::new(&surroundings, &mut reading, &mut writing).run(&first);
    let outcome = select! {
        outcome = timeout(LOGIN_TIMEOUT, exchange) => outcome,
        // The guest is gone.
        () = answer.closed() => return,
    };
    let late = || Refusal::Host(format!("the login is not through after {LOGIN_TIMEOUT:?}"));
    // Where the guest has gone by now, the connection ends with what nobody takes.
    match outcome.unwrap_or_else(|_| Err(late())) {
        Ok(words) => {
            drop(answer.send(Answer { words, more: Some(reading) }));
            drop(open.send(writing));
        }
        Err(Refusal::Server(words)) => drop(answer.send(Answer { words, more: None })),
        Err(Refusal::Host(why)) => {
            surroundings.report.failed(&format!("logging in at {}", surroundings.place), &why);
            drop(answer.send(Answer { words: messages::refusal(&why), more: None }));
        }
    }
}

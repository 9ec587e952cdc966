//! Makes the replication slot, which waits for every transaction that is writing.
//!
//! On a connection of its own, so that it goes on between the host's calls and nothing begins anew.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use cartridge_warp_sdk::{Failure, log};
use postgresql_client::names::literal;
use postgresql_client::tokio::time::timeout;
use postgresql_client::tokio_postgres::{Error, SimpleQueryMessage};
use postgresql_client::{NO_TEMPORARY_SPACE, Settings};

use super::server::{Server, VERSION_CONNECTION_CHECK};
use super::slot::{PLUGIN, no_slot_left};
use crate::pgoutput::Lsn;
use crate::position;
use crate::session::{Session, meanwhile, unexpected};

type Answer = Result<Vec<SimpleQueryMessage>, Error>;

/// A slot in the making.
pub struct Making {
    session: Rc<Session>,
    name: String,
    answer: Pin<Box<dyn Future<Output = Answer>>>,
}

impl Making {
    /// Begins to make it.
    pub fn begin(settings: &Settings, server: &Server, name: &str) -> Result<Self, Failure> {
        let session = Rc::new(Session::open(settings, None)?);
        session.run("SET lock_timeout = 0")?;
        if server.version >= VERSION_CONNECTION_CHECK {
            // Who is gone needs no slot. Some systems cannot tell.
            let _ = session.run("SET client_connection_check_interval = '2s'");
        }
        log::info("making the replication slot", &[("slot", name)]);
        let sql = format!(
            "SELECT lsn FROM pg_create_logical_replication_slot({}, '{PLUGIN}')",
            literal(name)
        );
        let owner = session.clone();
        let answer = Box::pin(async move {
            // A connection that is in use has a client.
            let Ok(client) = owner.connection().client() else { std::future::pending().await };
            client.simple_query(&sql).await
        });
        Ok(Self { session, name: name.to_owned(), answer })
    }

    /// Where its changes begin; none while it is not made yet.
    pub fn wait(&mut self, patience: Duration) -> Result<Option<Lsn>, Failure> {
        let session = self.session.clone();
        let answer = &mut self.answer;
        // A timer belongs to the connection's runtime.
        let answer = session.connection().block_on(async { timeout(patience, answer).await });
        let Ok(answer) = answer else { return Ok(None) };
        let messages = answer.map_err(|error| {
            none_left(&self.name, meanwhile(session.connection().failure(&error)))
        })?;
        let lsn = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => position::parse(row.get(0)?),
            _ => None,
        });
        lsn.map(Some).ok_or_else(|| unexpected("a new slot has no position"))
    }
}

fn none_left(name: &str, failure: Failure) -> Failure {
    match failure.code.as_str() {
        // The server has one SQLSTATE for both limits, and a slot needs no temporary space.
        NO_TEMPORARY_SPACE | "server-resources" | "postgresql" | "refused-statement" => {
            no_slot_left(name).detail(failure.detail.unwrap_or(failure.message))
        }
        _ => failure,
    }
}

//! Reads the log over SQL: one read decodes from the slot's position to the end of the log, or to
//! the first commit behind `limit` messages.
//!
//! The server decodes all of a read before it sends the first row, keeps it in a temporary file, and
//! sends as fast as it is taken; so memory here is bounded, however large a transaction is, and the
//! slot is free again from the first row on. Reading changes nothing: only `confirm` moves the slot.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use cartridge_warp_sdk::Failure;
use futures_util::{FutureExt, StreamExt};
use postgresql_client::large::{HEAD_BYTES, ROW_BYTES_MAX};
use postgresql_client::names::{literal, quoted};
use postgresql_client::tokio::time::timeout;
use postgresql_client::tokio_postgres::types::ToSql;
use postgresql_client::tokio_postgres::{Error, RowStream, Statement};

use crate::PostgresqlSource;
use crate::catalog::slot;
use crate::pgoutput;
use crate::session::{RAW, Session, meanwhile};

/// Messages that are taken off the connection at once, and their bytes (I7). One message may be
/// larger: it is as large as its row.
pub const MESSAGES_TAKEN_MAX: usize = 512;
pub const BYTES_TAKEN_MAX: usize = 1 << 20;

type Starting = Pin<Box<dyn Future<Output = Result<RowStream, Error>>>>;

enum State {
    Idle,
    /// The server is decoding.
    Starting(Starting),
    /// It is sending.
    Rows(Pin<Box<RowStream>>),
    /// It has sent everything, and nobody has been told.
    Done,
}

/// What came of waiting for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// There are some.
    Some,
    /// The server is not done yet.
    NotYet,
    /// This read has no more.
    End,
}

/// A connection that reads the log.
pub struct Peek {
    session: Rc<Session>,
    statement: Statement,
    slot: String,
    state: State,
    /// Messages that were taken and not yet asked for.
    taken: VecDeque<Bytes>,
    seen: u64,
    limit: u64,
}

impl Peek {
    /// Connects; reads nothing yet.
    pub fn open(source: &PostgresqlSource, slot: &str, publication: &str) -> Result<Self, Failure> {
        let session = Rc::new(Session::open(&source.settings, None)?);
        if let Some(reader) = source.runs.reader(&source.settings) {
            session.run(&format!("SET application_name = {}", literal(&reader)))?;
        }
        let sql = format!(
            "SELECT {} FROM pg_logical_slot_peek_binary_changes({}, NULL, $1::int4, \
                 'proto_version', '1', 'publication_names', {})",
            pgoutput::cut_in_sql(ROW_BYTES_MAX, HEAD_BYTES),
            literal(slot),
            literal(&quoted(publication))
        );
        let statement = session.connection().run(|client| client.prepare(&sql))?;
        if source.reads_raw {
            let (name, value) = RAW;
            session.run(&format!("SET {name} = '{value}'"))?;
        }
        let (slot, taken) = (slot.to_owned(), VecDeque::new());
        Ok(Self { session, statement, slot, state: State::Idle, taken, seen: 0, limit: 0 })
    }

    /// Begins a read that ends at the first commit behind `limit` messages.
    pub fn start(&mut self, limit: u64) {
        let (session, statement) = (self.session.clone(), self.statement.clone());
        let bound = i32::try_from(limit).unwrap_or(i32::MAX);
        (self.seen, self.limit) = (0, u64::from(bound.unsigned_abs()));
        self.state = State::Starting(Box::pin(async move {
            let parameters: [&(dyn ToSql + Sync); 1] = [&bound];
            // A connection that is in use has a client.
            let Ok(client) = session.connection().client() else { std::future::pending().await };
            client.query_raw(&statement, parameters).await
        }));
    }

    /// Whether a read is under way.
    pub fn is_reading(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// Whether the server holds the slot, so that nobody may move it.
    pub fn holds_slot(&self) -> bool {
        matches!(self.state, State::Starting(_))
    }

    /// Whether the read that ended stopped for its limit, so that there may be more.
    pub fn was_cut(&self) -> bool {
        self.seen >= self.limit
    }

    /// The next message, if it was taken already.
    pub fn taken(&mut self) -> Option<Bytes> {
        self.taken.pop_front()
    }

    /// Takes messages off the connection, waiting at most `patience` for the first.
    pub fn fill(&mut self, patience: Duration) -> Result<Filled, Failure> {
        let session = self.session.clone();
        let filled = session.connection().block_on(self.wait_and_take(patience));
        filled.map_err(|error| {
            self.state = State::Idle;
            let failed = meanwhile(session.connection().failure(&error));
            if slot::is_busy(&failed) { slot::busy(&self.slot, failed) } else { failed }
        })
    }

    async fn wait_and_take(&mut self, patience: Duration) -> Result<Filled, Error> {
        if let State::Starting(starting) = &mut self.state {
            match timeout(patience, starting).await {
                Ok(rows) => self.state = State::Rows(Box::pin(rows?)),
                Err(_) => return Ok(Filled::NotYet),
            }
        }
        let State::Rows(rows) = &mut self.state else {
            self.state = State::Idle;
            return Ok(Filled::End);
        };
        let mut next = match timeout(patience, rows.next()).await {
            Ok(next) => next,
            Err(_) => return Ok(Filled::NotYet),
        };
        let mut bytes = 0;
        loop {
            let Some(row) = next else {
                self.state = State::Done;
                break;
            };
            self.seen += 1;
            let message = Bytes::copy_from_slice(row?.try_get(0)?);
            bytes += message.len();
            self.taken.push_back(message);
            if self.taken.len() >= MESSAGES_TAKEN_MAX || bytes >= BYTES_TAKEN_MAX {
                break;
            }
            match rows.next().now_or_never() {
                Some(ready) => next = ready,
                None => break,
            }
        }
        Ok(Filled::Some)
    }
}

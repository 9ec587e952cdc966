//! Receives the log by the replication protocol: the server pushes each transaction when it is
//! committed.
//!
//! It sends no faster than it is read, so memory here is bounded, however large a transaction is.
//! The slot is held as long as this lives. Nothing happens between calls: a server that waits for
//! an answer longer than its `wal_sender_timeout` cuts the connection, and the log is read on from
//! the same position over a new one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cartridge_warp_sdk::Failure;
use postgresql_client::names::quoted;
use postgresql_client::replication::{Event, Replication};

use super::peek::{BYTES_TAKEN_MAX, MESSAGES_TAKEN_MAX};
use crate::PostgresqlSource;
use crate::catalog::slot;
use crate::pgoutput::{self, Lsn};
use crate::position::{ServerIdentity, show};
use crate::session::{RAW, SETTINGS, meanwhile, unexpected};

/// How often the server hears of us without asking.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How long the server keeps the slot for a reader that says nothing, in milliseconds, at most: it has a minute by
/// default, and none where it is 0, in which nobody else could read. While a run cannot go on it says something every
/// few seconds.
const SILENCE: &str = "SELECT least(20000, nullif(setting::int, 0)) FROM pg_catalog.pg_settings
    WHERE name = 'wal_sender_timeout'";
/// Decoding is one statement that ends with the stream.
const NO_TIMEOUT: (&str, &str) = ("statement_timeout", "0");

/// What the server pushed.
pub enum Pushed {
    /// A message of the log.
    Message(Bytes),
    /// Everything committed before this place was sent.
    Reached(Lsn),
}

/// A stream of the log.
pub struct Live {
    connection: Replication,
    pushed: VecDeque<Pushed>,
    /// The host's word that everything before this is safe (I1).
    flushed: Lsn,
    told: Instant,
    asked: bool,
}

impl Live {
    /// Begins to stream what was committed from `from` on. The slot has to be free.
    pub fn open(
        source: &PostgresqlSource,
        slot: &str,
        publication: &str,
        from: Lsn,
        flushed: Lsn,
    ) -> Result<Self, Failure> {
        let is_raw = source.server.is_raw || source.reads_raw;
        let encoding = if is_raw { &[RAW][..] } else { &[] };
        let silence = source.control.value(SILENCE)?;
        let reader = source.runs.reader(&source.settings);
        let name = reader.as_deref().map(|reader| ("application_name", reader));
        let mut settings = [&SETTINGS[..], &[NO_TIMEOUT], encoding].concat();
        settings.push(("wal_sender_timeout", &silence));
        settings.extend(name);
        let mut connection = Replication::open(&source.settings, &settings)?;
        let identity = identify(&mut connection)?;
        if identity != source.server.identity {
            return Err(another_server());
        }
        // The protocol's commands have literals of the plain kind only.
        let publications = quoted(publication).replace('\'', "''");
        let command = format!(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names '{}')",
            quoted(slot),
            show(from),
            publications
        );
        connection.start(&command).map_err(|failure| {
            if slot::is_busy(&failure) { slot::busy(slot, failure) } else { meanwhile(failure) }
        })?;
        Ok(Self {
            connection,
            pushed: VecDeque::new(),
            flushed,
            told: Instant::now(),
            asked: false,
        })
    }

    /// The next of what was received already.
    pub fn pushed(&mut self) -> Option<Pushed> {
        self.pushed.pop_front()
    }

    /// Receives, waiting at most `patience` for the first; false when nothing came.
    pub fn fill(&mut self, patience: Duration) -> Result<bool, Failure> {
        let until = Instant::now() + patience;
        if self.told.elapsed() >= STATUS_EVERY {
            self.tell(false)?;
        }
        let left = until.saturating_duration_since(Instant::now());
        let events = self.connection.receive(left, MESSAGES_TAKEN_MAX, BYTES_TAKEN_MAX);
        let events = events.map_err(meanwhile)?;
        let mut answer = false;
        for event in events {
            self.pushed.push_back(match event {
                Event::Data(bytes) => Pushed::Message(bytes),
                Event::Cut(head, whole) => Pushed::Message(pgoutput::cut(&head, whole)),
                Event::Alive { reached, wants_answer } => {
                    answer |= wants_answer;
                    Pushed::Reached(reached)
                }
            });
        }
        if answer {
            self.asked = true;
            self.tell(false)?;
        }
        Ok(!self.pushed.is_empty())
    }

    /// Whether the server has asked since this was called last.
    pub fn was_asked(&mut self) -> bool {
        std::mem::take(&mut self.asked)
    }

    /// Asks how far the server has come; the answer is pushed.
    pub fn ask(&mut self) -> Result<(), Failure> {
        self.tell(true)
    }

    /// The destination holds everything before this place. Said again, it says that we are alive.
    pub fn confirm(&mut self, flushed: Lsn) -> Result<(), Failure> {
        if flushed <= self.flushed && self.told.elapsed() < STATUS_EVERY {
            return Ok(());
        }
        self.flushed = self.flushed.max(flushed);
        self.tell(false)
    }

    fn tell(&mut self, ask: bool) -> Result<(), Failure> {
        self.told = Instant::now();
        self.connection.acknowledge(self.flushed, ask)
    }
}

fn identify(connection: &mut Replication) -> Result<ServerIdentity, Failure> {
    let rows = connection.rows("IDENTIFY_SYSTEM")?;
    let number = |column: usize| rows.first()?.get(column)?.as_deref()?.parse::<u64>().ok();
    let identity = || {
        let timeline = u32::try_from(number(1)?).ok()?;
        Some(ServerIdentity { system: number(0)?, timeline })
    };
    identity().ok_or_else(|| unexpected("IDENTIFY_SYSTEM says not who the server is"))
}

/// The name leads elsewhere since the connector was opened: opened anew it checks the position.
fn another_server() -> Failure {
    Failure::reconnect(
        "another-server",
        "the server is another one than a moment ago, or was promoted; the source is opened anew",
    )
}

//! A client of the replication protocol, which the driver does not speak.
//!
//! [`Replication`] is one connection with `replication=database`: it logs in as the driver does, runs
//! short commands, and then receives what the server pushes. `login` is the way in, `wire` the bytes,
//! `event` what is inside them. What the log's messages mean, and how much of the log may be
//! acknowledged, is the caller's business.
//!
//! Like every connection here it lives only inside calls: between them nothing is read and the
//! server's questions wait. What is received at once is bounded by the caller (I7), and nothing is
//! allocated by a length that the server only claims (I8).

mod event;
mod login;
mod wire;

use std::time::Duration;

use cartridge_warp_sdk::Failure;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout, timeout_at};

use crate::Settings;
use crate::connection::{SHOW_READ_ONLY, reach, read_only, runtime, too_slow, wrong_server};
pub use event::Event;
use wire::{Incoming, Wire, unexpected};

/// How long a short command, or a write to a server that takes nothing, may last.
const PATIENCE: Duration = Duration::from_secs(15);
/// Rows of a command's answer; the commands of the protocol answer with one (I7).
const ROWS_MAX: usize = 100;

/// One row of a command's answer, as text.
pub type Row = Vec<Option<String>>;

/// A connection to a server's log.
pub struct Replication {
    // Dropped before the runtime that it is registered with.
    wire: Wire,
    runtime: Runtime,
}

impl Replication {
    /// Connects to the first server that answers and fits `target_session_attrs`, with `parameters`
    /// set for the session.
    ///
    /// # Errors
    /// The last server's failure: `config` when a person has to change something, else `reconnect`
    /// or `retry`.
    pub fn open(settings: &Settings, parameters: &[(&str, &str)]) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let mut last = None;
        for (host, port) in settings.servers() {
            match runtime.block_on(try_server(settings, parameters, host, *port)) {
                Ok(wire) => return Ok(Self { wire, runtime }),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::config("invalid-connection-string", "names no server")))
    }

    /// Runs a short command and returns its rows.
    ///
    /// # Errors
    /// The server's, after which the connection can still be used, and `reconnect` when it is cut.
    pub fn rows(&mut self, command: &str) -> Result<Vec<Row>, Failure> {
        let wire = &mut self.wire;
        self.runtime
            .block_on(async { timeout(PATIENCE, query(wire, command)).await })
            .map_err(slow)?
    }

    /// Runs `START_REPLICATION …`; from now on only [`Replication::receive`] and
    /// [`Replication::acknowledge`] have a meaning.
    ///
    /// # Errors
    /// As [`Replication::rows`].
    pub fn start(&mut self, command: &str) -> Result<(), Failure> {
        let wire = &mut self.wire;
        let started = self.runtime.block_on(async {
            timeout(PATIENCE, async {
                wire.send(|buffer| frontend::query(command, buffer)).await?;
                match wire.incoming().await? {
                    Incoming::CopyBoth => Ok(()),
                    Incoming::Other(Message::ErrorResponse(body)) => {
                        let failure = wire::failure(&body);
                        wire.until_ready().await?;
                        Err(failure)
                    }
                    _ => Err(unexpected("an answer to START_REPLICATION")),
                }
            })
            .await
        });
        started.map_err(slow)?
    }

    /// Takes what has arrived, waiting at most `patience` for the first; at most `events_max`, and
    /// no further event once `bytes_max` is reached. Empty: nothing came in time.
    ///
    /// # Errors
    /// `reconnect` when the connection is cut, else the server's own.
    pub fn receive(
        &mut self,
        patience: Duration,
        events_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Event>, Failure> {
        let wire = &mut self.wire;
        self.runtime.block_on(async {
            let until = Instant::now() + patience;
            // So that the runtime looks at the socket also where there is no time to wait.
            tokio::task::yield_now().await;
            loop {
                let events = take(wire, events_max, bytes_max)?;
                if !events.is_empty() {
                    return Ok(events);
                }
                match timeout_at(until, wire.readable()).await {
                    Ok(readable) => readable?,
                    Err(_) => return Ok(events),
                }
            }
        })
    }

    /// Tells the server that everything before `flushed` is safe and need not be kept, and that we
    /// are alive. With `ask` it answers at once with [`Event::Alive`].
    ///
    /// # Errors
    /// `reconnect` when the connection is cut.
    pub fn acknowledge(&mut self, flushed: u64, ask: bool) -> Result<(), Failure> {
        let wire = &mut self.wire;
        let status = event::status(flushed, ask);
        let sent = self.runtime.block_on(async {
            timeout(
                PATIENCE,
                wire.send(|buffer| {
                    frontend::CopyData::new(&status[..])?.write(buffer);
                    Ok(())
                }),
            )
            .await
        });
        sent.map_err(slow)?
    }
}

impl Drop for Replication {
    fn drop(&mut self) {
        self.wire.say_goodbye();
    }
}

/// Events that are here already.
fn take(wire: &mut Wire, events_max: usize, bytes_max: usize) -> Result<Vec<Event>, Failure> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    while events.len() < events_max && bytes < bytes_max {
        let Some(incoming) = wire.arrived()? else { break };
        match incoming {
            Incoming::Copy(data) => {
                bytes += data.len();
                events.extend(Event::decode(data)?);
            }
            Incoming::CutCopy(head, whole) => {
                bytes += head.len();
                events.push(Event::decode_cut(head, whole)?);
            }
            Incoming::Other(Message::ErrorResponse(body)) => return Err(wire::failure(&body)),
            Incoming::Other(Message::NoticeResponse(_) | Message::ParameterStatus(_)) => {}
            // A server that is stopped ends the command without the copy's end in front of it.
            Incoming::Other(Message::CopyDone | Message::CommandComplete(_)) => {
                let why = "the server ended the stream";
                return Err(crate::failure::cut().detail(why));
            }
            _ => return Err(unexpected("a message in the stream")),
        }
    }
    Ok(events)
}

async fn try_server(
    settings: &Settings,
    parameters: &[(&str, &str)],
    host: &str,
    port: u16,
) -> Result<Wire, Failure> {
    let mut wire = Wire::new(reach(settings, host, port).await?);
    let attributes = settings.config().get_target_session_attrs();
    let shaken = async {
        login::login(&mut wire, settings.config(), parameters).await?;
        let Some(wanted) = read_only(attributes) else { return Ok(()) };
        let rows = query(&mut wire, SHOW_READ_ONLY).await?;
        let fits = rows.iter().flatten().any(|value| value.as_deref() == Some(wanted));
        if fits { Ok(()) } else { Err(wrong_server(host, port)) }
    };
    let shaken = timeout(settings.connect_timeout(), shaken).await;
    shaken.map_err(|_| too_slow(host, port))?.map_err(|mut failure| {
        failure.message = format!("server {host}:{port}: {}", failure.message);
        failure
    })?;
    Ok(wire)
}

async fn query(wire: &mut Wire, command: &str) -> Result<Vec<Row>, Failure> {
    wire.send(|buffer| frontend::query(command, buffer)).await?;
    let (mut rows, mut failed) = (Vec::new(), None);
    loop {
        match wire.incoming().await? {
            Incoming::Other(Message::DataRow(body)) if rows.len() < ROWS_MAX => {
                let text = |range: Option<std::ops::Range<usize>>| {
                    let bytes = range.map(|range| body.buffer().get(range).unwrap_or_default());
                    Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
                };
                let row = body.ranges().map(text).collect();
                rows.push(row.map_err(|_| unexpected("a row of a command's answer"))?);
            }
            Incoming::Other(Message::ErrorResponse(body)) => failed = Some(wire::failure(&body)),
            Incoming::Other(Message::ReadyForQuery(_)) => break,
            Incoming::Other(
                Message::RowDescription(_)
                | Message::CommandComplete(_)
                | Message::EmptyQueryResponse
                | Message::NoticeResponse(_)
                | Message::ParameterStatus(_),
            ) => {}
            _ => return Err(unexpected("an answer to a command")),
        }
    }
    failed.map_or(Ok(rows), Err)
}

fn slow(_: tokio::time::error::Elapsed) -> Failure {
    Failure::reconnect("connection-lost", "the server says and takes nothing for too long")
}

//! An open connection and the runtime that drives it.
//!
//! A component has one thread and runs only inside calls. So the connection owns a current-thread
//! runtime on which the driver's half is a task: it makes progress while [`Connection::run`] waits,
//! and stands still between calls. Notices of the server are read then and dropped, since they may
//! quote rows.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use cartridge_warp_sdk::Failure;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};

use crate::Settings;
use crate::failure;
use crate::large::Guarded;

/// Bytes that are read of a connection at once: what the host hands over in one call.
const READ_BYTES: usize = 64 * 1024;

/// Whether the server takes no writes; the replication protocol has the command too.
pub(crate) const SHOW_READ_ONLY: &str = "SHOW transaction_read_only";

/// One connection to a server.
pub struct Connection {
    // Dropped before the runtime, so that the server hears a goodbye where one can be sent.
    client: Option<Client>,
    runtime: Runtime,
    /// Why the driver's half ended, once it has.
    end: Arc<Mutex<Option<Error>>>,
}

impl Connection {
    /// Connects to the first server that answers and fits `target_session_attrs`.
    ///
    /// # Errors
    /// The last server's failure: `config` when a person has to change something, else `reconnect`
    /// or `retry`.
    pub fn open(settings: &Settings) -> Result<Self, Failure> {
        Self::open_with(settings, settings.config())
    }

    /// As [`Connection::open`], with another configuration for the same servers.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn open_with(settings: &Settings, config: &Config) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let end = Arc::default();
        let mut last = None;
        for (host, port) in settings.servers() {
            let attempt = runtime.block_on(try_server(settings, config, host, *port, &end));
            match attempt {
                Ok(client) => return Ok(Self { client: Some(client), runtime, end }),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::config("invalid-connection-string", "names no server")))
    }

    /// Runs `work` to its end while the driver makes progress.
    ///
    /// # Errors
    /// What the work answered, as an instruction.
    pub fn run<'a, T, W>(&'a self, work: impl FnOnce(&'a Client) -> W) -> Result<T, Failure>
    where
        W: Future<Output = Result<T, Error>> + 'a,
    {
        let client = self.client()?;
        self.runtime.block_on(work(client)).map_err(|error| self.failure(&error))
    }

    /// Waits for a future that has its own failures.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The driver's client, for futures that [`Connection::block_on`] waits for.
    ///
    /// # Errors
    /// Never while the connection is not being dropped.
    pub fn client(&self) -> Result<&Client, Failure> {
        self.client.as_ref().ok_or_else(|| Failure::reconnect("closed", "the connection is closed"))
    }

    /// The same, to be moved into work that outlives calls; the connection has none then.
    pub(crate) fn take_client(&mut self) -> Result<Client, Failure> {
        self.client.take().ok_or_else(|| Failure::reconnect("closed", "the connection is closed"))
    }

    /// Whether the connection has ended; it never comes back.
    pub fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    /// An error of the driver as an instruction. When the connection has ended, the reason is the
    /// server's last word rather than "closed".
    pub fn failure(&self, error: &Error) -> Failure {
        if error.is_closed() {
            let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(cause) = end.as_ref() {
                return failure::ended(cause);
            }
        }
        failure::of(error)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Without a client the driver says goodbye and ends; it is given one moment to do so.
        self.client = None;
        self.runtime.block_on(tokio::task::yield_now());
    }
}

/// A runtime for one connection.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread().enable_io().enable_time().build().map_err(|error| {
        Failure::reconnect("runtime", "the component cannot wait for sockets")
            .detail(error.to_string())
    })
}

async fn try_server(
    settings: &Settings,
    config: &Config,
    host: &str,
    port: u16,
    end: &Arc<Mutex<Option<Error>>>,
) -> Result<Client, Failure> {
    // The driver asks for 8 KiB at a time, and each time is a call of the sandbox.
    let stream = BufReader::with_capacity(READ_BYTES, reach(settings, host, port).await?);
    let stream = Guarded::new(stream);
    let shaken = timeout(settings.connect_timeout(), config.connect_raw(stream, NoTls)).await;
    let shaken = shaken.map_err(|_| too_slow(host, port))?;
    let (client, connection) = shaken.map_err(|error| failure::of_connect(&error, host, port))?;
    let end = end.clone();
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            *end.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    });
    check_attributes(&client, config.get_target_session_attrs(), host, port).await?;
    Ok(client)
}

/// Opens a bare stream to one server.
pub(crate) async fn reach(
    settings: &Settings,
    host: &str,
    port: u16,
) -> Result<TcpStream, Failure> {
    // The runtime's own look-up needs a second thread; a component has none.
    let addresses: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|error| unreachable(host, port, &error))?.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(settings.connect_timeout(), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // In a component the host has done so already.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
        }
    }
    Err(unreachable(host, port, &last))
}

async fn check_attributes(
    client: &Client,
    wanted: TargetSessionAttrs,
    host: &str,
    port: u16,
) -> Result<(), Failure> {
    let Some(wanted) = read_only(wanted) else { return Ok(()) };
    let answer = client.simple_query(SHOW_READ_ONLY).await;
    let answer = answer.map_err(|error| failure::of(&error))?;
    let fits = answer.iter().any(
        |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some(wanted)),
    );
    if fits { Ok(()) } else { Err(wrong_server(host, port)) }
}

/// What [`SHOW_READ_ONLY`] has to answer, where that matters.
pub(crate) fn read_only(wanted: TargetSessionAttrs) -> Option<&'static str> {
    match wanted {
        TargetSessionAttrs::ReadWrite => Some("off"),
        TargetSessionAttrs::ReadOnly => Some("on"),
        _ => None,
    }
}

pub(crate) fn wrong_server(host: &str, port: u16) -> Failure {
    Failure::reconnect(
        "wrong-server",
        format!("server {host}:{port} is not what target_session_attrs asks for"),
    )
}

fn unreachable(host: &str, port: u16, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Failure::config(
            "not-granted",
            format!("server {host}:{port} is not among the granted hosts; grant it"),
        )
        .detail(error.to_string());
    }
    Failure::reconnect(
        "unreachable",
        format!("server {host}:{port} cannot be reached; check that it runs and the name is right"),
    )
    .detail(error.to_string())
}

pub(crate) fn too_slow(host: &str, port: u16) -> Failure {
    Failure::reconnect(
        "unreachable",
        format!("server {host}:{port} accepted the connection and then said nothing in time"),
    )
}

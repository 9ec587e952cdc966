//! Finds the primary: asks the seeds, and whom they name, until one says that it is.
//!
//! Names are looked up here: in a component the host answers with addresses of its own, behind which
//! it dials the granted server and speaks TLS with it.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::Failure;
use mongodb::Client;
use mongodb::bson::doc;
use mongodb::options::ServerAddress;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::failure;
use super::hello::Hello;
use crate::settings::{Address, Settings};

/// Servers that are asked in one round.
const ASKED_MAX: usize = 64;
/// The code for a server that the host does not let us reach.
const NOT_GRANTED: &str = "not-granted";
/// Between two rounds.
const PAUSE: Duration = Duration::from_millis(250);

/// A server that can be used: its name, its address for the driver, what it said.
pub type Found = (Address, ServerAddress, Hello);

/// Finds the primary; while there is none, for as long as `patience`.
pub fn primary(
    settings: &Settings,
    runtime: &Rc<Runtime>,
    patience: Duration,
) -> Result<Found, Failure> {
    let deadline = Instant::now() + patience;
    loop {
        let failure = match round(settings, runtime, deadline) {
            Ok(found) => return Ok(found),
            Err(failure) => failure,
        };
        if failure::is_final(&failure) || Instant::now() + PAUSE >= deadline {
            return Err(failure);
        }
        sleep(PAUSE);
    }
}

/// Asks every server that is known or named once.
fn round(settings: &Settings, runtime: &Rc<Runtime>, deadline: Instant) -> Result<Found, Failure> {
    let mut waiting: VecDeque<Address> = settings.seeds.iter().cloned().collect();
    let (mut asked, mut primaries) = (HashSet::new(), HashSet::new());
    let mut told: Vec<String> = Vec::new();
    let mut failed = Failures::default();
    while let Some(address) = waiting.pop_front() {
        if asked.len() >= ASKED_MAX || (Instant::now() >= deadline && !asked.is_empty()) {
            break;
        }
        if !asked.insert(address.clone()) {
            continue;
        }
        let (literal, hello) = match ask(settings, runtime, &address) {
            Ok(answer) => answer,
            Err(failure) => {
                failed.add(failure, primaries.contains(&address));
                continue;
            }
        };
        check_set(settings, &address, &hello)?;
        if hello.is_writable {
            return Ok((address, literal, hello));
        }
        told.push(address.to_string());
        if !settings.direct {
            if let Some(primary) = hello.primary {
                primaries.insert(primary.clone());
                waiting.push_front(primary);
            }
            waiting.extend(hello.hosts);
        }
    }
    Err(failed.sum_up(&told))
}

/// Why the servers that were asked are of no use.
#[derive(Default)]
struct Failures {
    /// What a person has to change.
    lasting: Option<Failure>,
    /// What may pass.
    passing: Option<Failure>,
}

impl Failures {
    /// A member that may not be reached matters only if it is the primary.
    fn add(&mut self, failure: Failure, is_primary: bool) {
        let lasts = failure::is_final(&failure) && (failure.code != NOT_GRANTED || is_primary);
        let kept = if lasts { &mut self.lasting } else { &mut self.passing };
        kept.get_or_insert(failure);
    }

    fn sum_up(self, told: &[String]) -> Failure {
        if let Some(failure) = self.lasting {
            return failure;
        }
        if told.is_empty() {
            return self.passing.unwrap_or_else(|| {
                Failure::config("invalid-connection-string", "`connection_string` names no server")
            });
        }
        let failure = Failure::reconnect(
            "no-primary",
            format!("no server is primary at the moment; asked: {}", told.join(", ")),
        );
        match self.passing {
            Some(why) => failure.detail(why.message),
            None => failure,
        }
    }
}

fn check_set(settings: &Settings, address: &Address, hello: &Hello) -> Result<(), Failure> {
    let Some(wanted) = &settings.replica_set else { return Ok(()) };
    if hello.set.as_ref() == Some(wanted) || hello.is_router {
        return Ok(());
    }
    let is = match &hello.set {
        Some(set) => format!("is a member of replica set {set}"),
        None => "is a member of no replica set".to_owned(),
    };
    Err(Failure::config(
        "wrong-replica-set",
        format!("server {address} {is}; `connection_string` asks for replicaSet={wanted}"),
    ))
}

fn ask(
    settings: &Settings,
    runtime: &Rc<Runtime>,
    address: &Address,
) -> Result<(ServerAddress, Hello), Failure> {
    let literal = reach(settings, runtime, address)?;
    let options = settings.client(literal.clone(), false);
    let answer = runtime.block_on(async {
        let client = Client::with_options(options)?;
        let database = client.database("admin");
        let hello = async { database.run_command(doc! { "hello": 1 }).await };
        let answer = timeout(settings.connect_timeout(), hello).await;
        client.shutdown().immediate(true).await;
        answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    });
    let answer =
        answer.map_err(|error| failure::of(&error, &address.to_string(), settings.login()))?;
    Ok((literal, Hello::read(&answer)))
}

/// The first address of a name that accepts a connection, as the driver wants it. The driver itself
/// would go on knocking at a closed door, and would not say what the host refused.
fn reach(
    settings: &Settings,
    runtime: &Rc<Runtime>,
    address: &Address,
) -> Result<ServerAddress, Failure> {
    let found = (address.host.as_str(), address.port).to_socket_addrs();
    let found: Vec<SocketAddr> = found.map_err(|error| unreachable(address, &error))?.collect();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for found in found {
        let dial = TcpStream::connect(found);
        match runtime.block_on(async { timeout(settings.connect_timeout(), dial).await }) {
            Ok(Ok(_)) => {
                let host = match found {
                    SocketAddr::V4(found) => found.ip().to_string(),
                    SocketAddr::V6(found) => format!("[{}]", found.ip()),
                };
                return Ok(ServerAddress::Tcp { host, port: Some(found.port()) });
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::from(io::ErrorKind::TimedOut),
        }
    }
    Err(unreachable(address, &last))
}

fn unreachable(address: &Address, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Failure::config(
            NOT_GRANTED,
            format!(
                "the replica set names its member {address}, which this connector may not reach; \
                 add it to `connection_string` or to `grants.hosts` of the source"
            ),
        )
        .detail(error.to_string());
    }
    Failure::reconnect(
        "unreachable",
        format!("server {address} cannot be reached; check that it runs and the name is right"),
    )
    .detail(error.to_string())
}

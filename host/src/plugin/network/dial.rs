//! Opens a connection for a guest: look-up, the judgement of each address, TCP, TLS.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, time::timeout};
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

use super::{
    Outside,
    cost::{Cost, Counted},
    grant::TlsGrant,
    limits::{
        ADDRESS_TIMEOUT, ADDRESSES_MAX, DIAL_TIMEOUT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL,
        KEEPALIVE_PROBES,
    },
    login::{self, Surroundings},
    names::{Endpoints, Target, TargetHost},
    reach::{Reach, may_stand_for},
    report::Report,
    streams::Connection,
    tls::{self, Protected, TlsError},
    workers::Owner,
};

/// Why there is no connection. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("`{name}` can't be looked up: {cause}")]
    Lookup { name: String, cause: io::Error },
    #[error("`{name}` has no address")]
    NoAddress { name: String },
    /// `fix` is an item for the list of granted hosts.
    #[error("`{name}` stands for {ip}, {what}; if that is meant, add `{fix}` to `{key}`")]
    Forbidden { name: String, ip: IpAddr, what: &'static str, fix: String, key: String },
    #[error("{address} does not answer: {cause}")]
    Connect { address: SocketAddr, cause: io::Error },
    #[error("not open after {DIAL_TIMEOUT:?}")]
    Timeout,
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl DialError {
    /// Whether the operator's grants forbid it, rather than the network failing.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }

    /// What the guest is told. Sockets have no code for names and certificates.
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::Lookup { .. } | Self::NoAddress { .. } => ErrorCode::RemoteUnreachable,
            Self::Forbidden { .. } => ErrorCode::AccessDenied,
            Self::Connect { cause, .. } => ErrorCode::from(cause),
            Self::Timeout => ErrorCode::Timeout,
            Self::Tls(_) => ErrorCode::ConnectionAborted,
        }
    }
}

/// Dials for one instance.
#[derive(Clone)]
pub(super) struct Dialer {
    pub endpoints: Arc<Endpoints>,
    pub outside: Arc<Outside>,
    /// Whom threads are charged to.
    pub owner: Owner,
    /// The configuration key under which the operator grants hosts.
    pub grants_key: String,
}

impl Dialer {
    /// The cost goes with the connection, also where nobody waits for it any more.
    pub(super) async fn dial(
        &self,
        target: &Target,
        cost: Arc<Cost>,
    ) -> Result<Connection, DialError> {
        timeout(DIAL_TIMEOUT, self.open(target, cost)).await.unwrap_or(Err(DialError::Timeout))
    }

    async fn open(&self, target: &Target, cost: Arc<Cost>) -> Result<Connection, DialError> {
        let addresses = self.addresses(target).await?;
        let stream = connect(&addresses, target.grant.port).await?;
        let local_port = stream.local_addr().map_or(0, |address| address.port());
        let peer = stream.peer_addr();
        let stream = Counted::new(stream, cost);
        let setup = |grant| self.outside.tls(grant, &self.owner);
        let Protected { reading, writing, stripped } = tls::protect(stream, target, setup).await?;
        let is_near = peer.is_ok_and(|peer| Reach::of(peer.ip()) == Reach::Loopback);
        Ok(Connection { reading, writing, local_port, stripped: stripped && !is_near })
    }

    /// The connection as the guest gets it, with a word to the operator where it is not protected.
    pub(super) fn opened(
        &self,
        connection: Connection,
        target: &Target,
        report: &Report,
    ) -> Connection {
        let grant = &target.grant;
        if connection.stripped {
            report.exposed(grant);
        }
        let Some(login) = grant.login.clone() else { return connection };
        let surroundings = Surroundings {
            login,
            verified: grant.tls.as_ref().is_some_and(TlsGrant::verifies),
            outside: Arc::clone(&self.outside),
            owner: self.owner.clone(),
            report: report.clone(),
            place: grant.to_string(),
        };
        login::attended(connection, surroundings)
    }

    /// Where the host is now, as far as it may be there.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, DialError> {
        let name = match &target.host {
            TargetHost::Address(ip) => return Ok(vec![*ip]),
            TargetHost::Name(name) => name,
        };
        let found = self.outside.lookups.lookup(name, &self.owner).await;
        let found = found.map_err(|cause| DialError::Lookup { name: name.clone(), cause })?;
        let is_allowed = |ip: &IpAddr| {
            may_stand_for(name, target.grant.private, *ip)
                || self.endpoints.grants_address(*ip, target.grant.port)
        };
        let allowed: Vec<IpAddr> =
            found.iter().copied().filter(is_allowed).take(ADDRESSES_MAX).collect();
        match (allowed.is_empty(), found.first()) {
            (false, _) => Ok(allowed),
            (true, None) => Err(DialError::NoAddress { name: name.clone() }),
            (true, Some(ip)) => Err(self.forbidden(name, *ip, target.grant.port)),
        }
    }

    fn forbidden(&self, name: &str, ip: IpAddr, port: u16) -> DialError {
        let reach = Reach::of(ip);
        let fix = match reach {
            Reach::Never => SocketAddr::from((ip, port)).to_string(),
            _ => format!("{{host: {name}, port: {port}, private: true}}"),
        };
        let key = self.grants_key.clone();
        DialError::Forbidden { name: name.to_owned(), ip, what: reach.words(), fix, key }
    }
}

/// The first address that answers, tried in turn.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, DialError> {
    let mut failed = DialError::Timeout;
    for ip in addresses {
        let address = SocketAddr::from((*ip, port));
        let opened = timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await;
        let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match opened.and_then(prepared) {
            Ok(stream) => return Ok(stream),
            Err(cause) => failed = DialError::Connect { address, cause },
        }
    }
    Err(failed)
}

/// Small writes leave at once, and a peer that is gone is noticed.
fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

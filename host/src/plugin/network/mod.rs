//! The network as a connector sees it: the names it was granted, and nothing else.
//!
//! `wasi:sockets` is implemented here, not passed on. A guest looks up a granted name and gets a
//! virtual address; connecting there makes the host look the name up, judge where it leads, dial,
//! and protect the connection as the operator wants it. The guest sees plain bytes.
//! Invariants I7 and I10. wasmtime-wasi's own sockets are not linked.

mod account;
mod addresses;
mod bindings;
mod certificates;
mod cost;
mod credentials;
mod dial;
mod dns;
mod grant;
pub(in crate::plugin) mod limits;
mod linking;
mod login;
mod lookup;
mod lookups;
mod names;
mod outside;
mod reach;
mod report;
mod resolve;
mod scheme;
mod socket;
mod srv;
mod streams;
mod system;
mod tcp;
mod tls;
mod verify;
mod wanted;
mod words;
mod workers;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

use self::{
    cost::Cost,
    dial::Dialer,
    limits::{DIALS_MAX, SOCKETS_MAX},
    names::{Denied, Endpoints, TargetHost},
    report::Report,
    socket::{Dial, Peer},
    workers::Owner,
};
use super::{identity::Identity, ledger::Account, output::log::GuestLog};

pub use self::{
    account::{Login, LoginProtocol},
    credentials::CredentialsError,
    grant::{HostGrant, TlsGrant, TlsStart},
    resolve::{Answers, Resolver, Service},
    srv::SrvGrant,
    wanted::WantedError,
};
pub(super) use self::{
    credentials::host_logs_in,
    linking::{HasVirtualNetwork, NetworkView, add_to_linker},
    outside::Outside,
    scheme::means_tls_at,
    srv::discover,
    system::System,
    wanted::Reading,
};

/// The network of one instance.
pub(super) struct Network {
    dialer: Dialer,
    report: Report,
    sockets: Arc<Semaphore>,
    dials: Arc<Semaphore>,
}

impl Network {
    /// What the guest makes the host hold is charged to `account`.
    pub(super) fn new(
        outside: &Arc<Outside>,
        identity: &Identity,
        account: Account,
        grants: Vec<HostGrant>,
        log: GuestLog,
    ) -> Self {
        let report = Report::new(identity.clone(), log);
        let endpoints = Arc::new(Endpoints::new(grants));
        let outside = Arc::clone(outside);
        let owner = Owner { role: identity.role, plugin: Arc::clone(&identity.plugin), account };
        Self {
            dialer: Dialer { endpoints, outside, owner, grants_key: report.grants_key() },
            report,
            sockets: Arc::new(Semaphore::new(SOCKETS_MAX)),
            dials: Arc::new(Semaphore::new(DIALS_MAX)),
        }
    }

    /// Gives out no socket from now on, not even one that would reach nothing.
    pub(super) fn close(&self) {
        self.sockets.close();
    }

    /// Why the last thing failed that the guest wanted, once.
    pub(super) fn take_last_reason(&self) -> Option<String> {
        self.report.take_last()
    }

    fn report(&self) -> &Report {
        &self.report
    }

    /// The address of a name; an address is its own.
    fn lookup(&self, name: &str) -> Option<IpAddr> {
        if let Ok(address) = name.parse() {
            return Some(address);
        }
        let address = self.dialer.endpoints.address_of(name);
        if address.is_none() {
            let key = self.report.grants_key();
            let why = format!("it is not granted; to allow it, add `{name}:PORT` to `{key}`");
            self.report.denied(&format!("looking up `{name}`"), &why);
        }
        address.map(IpAddr::V4)
    }

    /// One that closes still counts until it is closed.
    fn new_socket(&self) -> Result<Arc<Cost>, ErrorCode> {
        let refused = |why: &str| {
            self.report.denied("one more socket", why);
            ErrorCode::NewSocketLimit
        };
        let permit = Arc::clone(&self.sockets).try_acquire_owned();
        let permit = permit.map_err(|_| refused(&format!("{SOCKETS_MAX} are open or closing")))?;
        Cost::new(permit, &self.dialer.owner.account)
            .map_err(|exhausted| refused(&exhausted.to_string()))
    }

    /// Begins to open a connection.
    fn dial(&self, address: SocketAddr, cost: Arc<Cost>) -> Result<(Dial, Peer), ErrorCode> {
        let target = self.dialer.endpoints.target(address).map_err(|denied| {
            self.deny(address, &denied);
            ErrorCode::AccessDenied
        })?;
        let permit = Arc::clone(&self.dials).try_acquire_owned().map_err(|_| {
            self.report.denied("one more connection", &format!("{DIALS_MAX} are being opened"));
            ErrorCode::NewSocketLimit
        })?;
        let peer = Peer { address, meter: self.report.meter(target.grant.to_string()) };
        let (dialer, report) = (self.dialer.clone(), self.report.clone());
        let task = tokio::spawn(async move {
            let _permit = permit;
            let dialled = dialer.dial(&target, cost).await;
            let opened = dialled.map(|connection| dialer.opened(connection, &target, &report));
            opened.map_err(|error| {
                let what = match &target.host {
                    TargetHost::Name(name) => format!("connecting to {name}:{}", address.port()),
                    TargetHost::Address(_) => format!("connecting to {address}"),
                };
                match error.is_denial() {
                    true => report.denied(&what, &error.to_string()),
                    false => report.failed(&what, &error.to_string()),
                }
                error.code()
            })
        });
        Ok((Dial::new(AbortOnDropHandle::new(task)), peer))
    }

    fn deny(&self, address: SocketAddr, denied: &Denied) {
        let host = match denied {
            Denied::Host(host) | Denied::Port { host, .. } => host,
        };
        let fix = match host.contains(':') {
            true => format!("[{host}]:{}", address.port()),
            false => format!("{host}:{}", address.port()),
        };
        let why = format!("{denied}; to allow it, add `{fix}` to `{}`", self.report.grants_key());
        self.report.denied(&format!("connecting to {address}"), &why);
    }
}

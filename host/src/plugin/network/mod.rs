//! The network as a connector sees it: the names it was granted, and nothing else.
//!
//! `wasi:sockets` is implemented here, not passed on. A guest looks up a granted name and gets a
//! virtual address; connecting there makes the host look the name up, judge where it leads, dial,
//! and protect the connection as the operator wants it. The guest sees plain bytes.
//! Invariants I7 and I10. wasmtime-wasi's own sockets are not linked.

mod bindings;
mod certificates;
mod dial;
mod dns;
mod grant;
pub(in crate::plugin) mod limits;
mod linking;
mod lookup;
mod names;
mod reach;
mod report;
mod resolve;
mod socket;
mod srv;
mod streams;
mod tcp;
mod tls;
mod url;
mod verify;
mod wanted;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

use self::{
    dial::Dialer,
    limits::{DIALS_MAX, SOCKETS_MAX},
    names::{Denied, Endpoints, TargetHost},
    report::Report,
    socket::{Dial, Peer},
};
use super::state::Identity;

pub use self::{
    grant::{HostGrant, TlsGrant, TlsStart},
    resolve::{Answers, Lookup, Resolver, Service},
    srv::SrvGrant,
    url::UrlError,
    wanted::WantedError,
};
pub(super) use self::{
    linking::{HasVirtualNetwork, NetworkView, add_to_linker},
    resolve::System,
    srv::discover,
    url::parameters,
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
    pub(super) fn new(
        identity: &Identity,
        grants: Vec<HostGrant>,
        resolver: Arc<dyn Resolver>,
    ) -> Self {
        let report = Report::new(identity.clone());
        let endpoints = Arc::new(Endpoints::new(grants));
        Self {
            dialer: Dialer { endpoints, resolver, grants_key: report.grants_key() },
            report,
            sockets: Arc::new(Semaphore::new(SOCKETS_MAX)),
            dials: Arc::new(Semaphore::new(DIALS_MAX)),
        }
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

    fn new_socket(&self) -> Result<OwnedSemaphorePermit, ErrorCode> {
        Arc::clone(&self.sockets).try_acquire_owned().map_err(|_| {
            self.report.denied("one more socket", &format!("{SOCKETS_MAX} are open"));
            ErrorCode::NewSocketLimit
        })
    }

    /// Begins to open a connection.
    fn dial(&self, address: SocketAddr) -> Result<(Dial, Peer), ErrorCode> {
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
            dialer.dial(&target).await.map_err(|error| {
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

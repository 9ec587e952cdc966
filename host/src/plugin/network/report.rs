//! What the operator hears about a connector's network: refusals and failures with their reasons.
//!
//! A guest only gets error codes. The last reason is kept, so that the failure that the connector
//! makes of the code can carry it.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use super::{grant::HostGrant, words::words};
use crate::plugin::{
    Direction,
    identity::Identity,
    limits::MESSAGE_BYTES_MAX,
    output::log::{GuestLog, Level},
    text,
};

/// Where it goes: into the guest's log, where a part of the rate is kept for the host's lines.
#[derive(Clone)]
pub(super) struct Report {
    identity: Identity,
    log: GuestLog,
    last: Arc<Mutex<Option<String>>>,
    /// Places of which it was said that connections there are not protected.
    exposed: Arc<Mutex<BTreeSet<String>>>,
}

impl Report {
    pub(super) fn new(identity: Identity, log: GuestLog) -> Self {
        Self { identity, log, last: Arc::default(), exposed: Arc::default() }
    }

    /// The connector asked for something it was not granted.
    pub(super) fn denied(&self, what: &str, why: &str) {
        self.say(Level::Warn, &format!("denied: {what}: {why}"));
    }

    /// A granted connection did not come about, or broke.
    pub(super) fn failed(&self, what: &str, why: &str) {
        self.say(Level::Warn, &format!("{what}: {why}"));
    }

    /// A connection goes on in plain, as far as the operator allowed it without saying so. Said once
    /// by each instance for each place; it explains no failure.
    pub(super) fn exposed(&self, grant: &HostGrant) {
        let mut exposed = self.exposed.lock().unwrap_or_else(PoisonError::into_inner);
        if !exposed.insert(grant.to_string()) {
            return;
        }
        let advice = grant.advice().unwrap_or_default();
        let line =
            format!("network: {grant} says that it has no TLS, and gets plain bytes: {advice}");
        self.log.line(Level::Warn, &line, &[]);
    }

    pub(super) fn take_last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The configuration key under which the operator grants hosts.
    pub(super) fn grants_key(&self) -> String {
        format!("{}.grants.hosts", self.identity.role)
    }

    pub(super) fn meter(&self, endpoint: String) -> Meter {
        Meter { report: self.clone(), endpoint: endpoint.into() }
    }

    fn say(&self, level: Level, line: &str) {
        self.log.host_line("network", level, &format!("network: {line}"));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(text::one_line(line, MESSAGE_BYTES_MAX));
    }
}

/// Watches the connections to one endpoint, named as it was granted so that there are not more names.
#[derive(Clone)]
pub(super) struct Meter {
    report: Report,
    endpoint: Arc<str>,
}

impl Meter {
    pub(super) fn count(&self, direction: Direction, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let identity = &self.report.identity;
        identity.observer.network_bytes(identity.origin(), &self.endpoint, direction, bytes);
    }

    /// The guest only learns that it was cut off.
    pub(super) fn broken(&self, error: &io::Error) {
        let what = format!("the connection to {} broke", self.endpoint);
        self.report.failed(&what, &words(error));
    }
}

//! From names to addresses.

use std::{fmt, future::Future, io, net::IpAddr, pin::Pin};

use super::dns::Dns;

/// The answers to a question.
pub type Answers<'a, T> = Pin<Box<dyn Future<Output = io::Result<Vec<T>>> + Send + 'a>>;
/// The answer of a look-up.
pub type Lookup<'a> = Answers<'a, IpAddr>;

/// Where a service of a name is: an SRV record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Lower ones are to be tried first.
    pub priority: u16,
    /// Among equal priorities the larger share.
    pub weight: u16,
    pub host: String,
    pub port: u16,
}

/// Looks names up. The host uses the system's way; tests answer as they like. Called anew for each
/// connection.
pub trait Resolver: Send + Sync {
    /// The addresses of a name, the preferred ones first.
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a>;
    /// The SRV records of a name in any order; none where there are none.
    fn services<'a>(&'a self, name: &'a str) -> Answers<'a, Service>;
    /// The TXT records of a name; none where there are none.
    fn texts<'a>(&'a self, name: &'a str) -> Answers<'a, String>;
}

/// The system's resolver: `/etc/hosts`, DNS, whatever else it is set up for; for records other than
/// addresses, its DNS servers.
#[derive(Debug, Default)]
pub(in crate::plugin) struct System {
    dns: Dns,
}

impl Resolver for System {
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }

    fn services<'a>(&'a self, name: &'a str) -> Answers<'a, Service> {
        Box::pin(self.dns.services(name))
    }

    fn texts<'a>(&'a self, name: &'a str) -> Answers<'a, String> {
        Box::pin(self.dns.texts(name))
    }
}

impl fmt::Debug for dyn Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

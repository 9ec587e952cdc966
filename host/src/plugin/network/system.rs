//! The system's ways to look names up.

use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
};

use super::{
    dns::Dns,
    resolve::{Answers, Resolver, Service},
};

/// The system's resolver: `/etc/hosts`, DNS, whatever else it is set up for; for records other than
/// addresses, its DNS servers.
#[derive(Debug, Default)]
pub(in crate::plugin) struct System {
    dns: Dns,
}

impl Resolver for System {
    fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
    }

    fn services<'a>(&'a self, name: &'a str) -> Answers<'a, Service> {
        Box::pin(self.dns.services(name))
    }

    fn texts<'a>(&'a self, name: &'a str) -> Answers<'a, String> {
        Box::pin(self.dns.texts(name))
    }
}

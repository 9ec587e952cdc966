//! The addresses by which a guest knows what it may reach.
//!
//! Each granted name has one address of its own out of a range that no network routes, the same as
//! long as the grants are the same. Who connects to it means the name: the guest never learns a
//! real address of a name, so an answer of DNS can't lead it elsewhere (I10).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use super::{grant::HostGrant, reach::Reach};
use crate::model::HostPattern;

/// 198.18.0.0/15, set aside for benchmarks of devices (RFC 2544).
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 1]);

/// What was granted, and the address of each name.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    grants: Vec<HostGrant>,
    names: Vec<String>,
}

/// Why a guest does not reach what it asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("{0} is not granted to it")]
    Host(String),
    #[error("of {host} only port {granted} is granted to it, not {port}")]
    Port { host: String, port: u16, granted: String },
}

/// Where to go for a guest.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub host: TargetHost,
    pub grant: HostGrant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TargetHost {
    Name(String),
    Address(IpAddr),
}

impl Endpoints {
    pub(super) fn new(grants: Vec<HostGrant>) -> Self {
        let mut names: Vec<String> = Vec::new();
        for grant in &grants {
            if let HostPattern::Name(name) = &grant.host
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        Self { grants, names }
    }

    /// The virtual address of a granted name.
    pub(super) fn address_of(&self, name: &str) -> Option<Ipv4Addr> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let index = self.names.iter().position(|granted| *granted == name)?;
        u32::try_from(index).ok().map(|index| Ipv4Addr::from(FIRST.saturating_add(index)))
    }

    /// What a virtual or granted address and port stand for.
    pub(super) fn target(&self, address: SocketAddr) -> Result<Target, Denied> {
        let (ip, port) = (address.ip(), address.port());
        let host = match self.name_at(ip) {
            Some(name) => TargetHost::Name(name.to_owned()),
            None => TargetHost::Address(ip),
        };
        let mut ports = Vec::new();
        for grant in self.grants.iter().filter(|grant| covers(&grant.host, &host)) {
            if grant.port == port {
                return Ok(Target { host, grant: grant.clone() });
            }
            ports.push(grant.port.to_string());
        }
        let host = match host {
            TargetHost::Name(name) => name,
            TargetHost::Address(ip) => ip.to_string(),
        };
        if ports.is_empty() {
            return Err(Denied::Host(host));
        }
        Err(Denied::Port { host, port, granted: ports.join(", ") })
    }

    /// Whether the operator named this very address, alone or in a range.
    pub(super) fn grants_address(&self, ip: IpAddr, port: u16) -> bool {
        let host = TargetHost::Address(ip);
        self.grants.iter().any(|grant| grant.port == port && covers(&grant.host, &host))
    }

    fn name_at(&self, ip: IpAddr) -> Option<&str> {
        let IpAddr::V4(ip) = ip else { return None };
        let index = u32::from(ip).checked_sub(FIRST)?;
        self.names.get(usize::try_from(index).ok()?).map(String::as_str)
    }
}

fn covers(pattern: &HostPattern, host: &TargetHost) -> bool {
    match (pattern, host) {
        (HostPattern::Name(granted), TargetHost::Name(name)) => granted == name,
        (HostPattern::Network(network), TargetHost::Address(ip)) => {
            network.contains(ip) && means(network, *ip)
        }
        _ => false,
    }
}

/// Whether who grants a range means this address of it. The whole internet is not this machine, the
/// operator's own network or the metadata service: these take a range that lies among them.
fn means(network: &IpNet, ip: IpAddr) -> bool {
    let reach = Reach::of(ip);
    let ends = [network.network(), network.broadcast()];
    let lies_there = network.prefix_len() > 0 && ends.iter().all(|end| Reach::of(*end) == reach);
    reach == Reach::Public || lies_there
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(hosts: &[&str]) -> Endpoints {
        let grant = |text: &&str| {
            let (host, port) = HostPattern::with_port(text).unwrap();
            HostGrant { key: String::new(), host, port, tls: None, private: false, login: None }
        };
        Endpoints::new(hosts.iter().map(grant).collect())
    }

    #[test]
    fn a_name_has_one_address_that_leads_back_to_it() {
        let endpoints = endpoints(&["a.example:1", "b.example:2", "a.example:3"]);
        let a = endpoints.address_of("A.example.").unwrap();
        let b = endpoints.address_of("b.example").unwrap();
        assert_eq!((a.to_string(), b.to_string()), ("198.18.0.1".into(), "198.18.0.2".into()));
        assert_eq!(endpoints.address_of("c.example"), None);
        let target = endpoints.target(SocketAddr::from((a, 3))).unwrap();
        assert_eq!(target.host, TargetHost::Name("a.example".into()));
        assert_eq!(target.grant.port, 3);
    }

    #[test]
    fn only_what_was_granted_is_reached() {
        let endpoints = endpoints(&["a.example:1", "10.0.0.0/8:5", "[fd00::1]:5", "9.9.9.9:53"]);
        let cases = [
            ("198.18.0.1:1", ""),
            ("10.200.1.1:5", ""),
            ("[fd00::1]:5", ""),
            ("9.9.9.9:53", ""),
            ("198.18.0.1:2", "of a.example only port 1 is granted to it, not 2"),
            ("10.200.1.1:6", "of 10.200.1.1 only port 5"),
            ("198.18.0.2:1", "198.18.0.2 is not granted"),
            ("198.18.0.0:1", "not granted"),
            ("11.0.0.1:5", "not granted"),
            ("127.0.0.1:5", "not granted"),
            ("[fd00::2]:5", "not granted"),
            ("[::ffff:10.0.0.1]:5", "not granted"),
        ];
        for (address, expected) in cases {
            let outcome = endpoints.target(address.parse().unwrap());
            let said = outcome.map_or_else(|denied| denied.to_string(), |_| String::new());
            assert_eq!(said.is_empty(), expected.is_empty(), "{address}: {said}");
            assert!(said.contains(expected), "{address}: {said}");
        }
    }

    #[test]
    fn a_wide_range_does_not_grant_what_is_special_in_it() {
        let cases = [
            ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "10.0.0.1", false),
            ("0.0.0.0/0", "127.0.0.1", false),
            ("0.0.0.0/0", "169.254.169.254", false),
            ("128.0.0.0/1", "192.168.0.1", false),
            ("160.0.0.0/3", "169.254.169.254", false),
            ("10.0.0.0/8", "10.9.9.9", true),
            ("192.168.0.0/16", "192.168.0.1", true),
            ("127.0.0.0/8", "127.0.0.1", true),
            ("169.254.0.0/16", "169.254.169.254", true),
            ("169.254.169.254", "169.254.169.254", true),
            ("[::]/0", "2a00::1", true),
            ("[::]/0", "::1", false),
            ("[::]/0", "fe80::1", false),
            ("[::]/0", "::ffff:10.0.0.1", false),
            ("[fd00::]/8", "fd00::1", true),
            ("[fd00::]/8", "fd00:ec2::254", false),
        ];
        for (range, ip, expected) in cases {
            let endpoints = endpoints(&[&format!("{range}:1")]);
            let granted = endpoints.grants_address(ip.parse().unwrap(), 1);
            assert_eq!(granted, expected, "{ip} in {range}");
        }
    }

    #[test]
    fn a_name_does_not_grant_addresses() {
        let endpoints = endpoints(&["a.example:1", "10.0.0.0/8:5"]);
        assert!(endpoints.grants_address("10.1.1.1".parse().unwrap(), 5));
        assert!(!endpoints.grants_address("10.1.1.1".parse().unwrap(), 1));
        assert!(!endpoints.grants_address("198.18.0.1".parse().unwrap(), 1));
    }
}

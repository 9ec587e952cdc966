//! Which addresses a name may stand for.
//!
//! Whoever answers for a public name must not lead a connector into the operator's own network, to
//! the machine itself or to a cloud's metadata service (I10). Asked anew at each dial, so an answer
//! that changes is judged again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::HostPattern;

/// What an address is, as far as a name may stand for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Public,
    /// Of a company's own network.
    Private,
    Loopback,
    /// Link-local, metadata, multicast, reserved: nothing that a database has.
    Never,
}

/// Azure's services of the machine's own host, on a public address.
const WIRE_SERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
/// Metadata services on addresses that are otherwise private.
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

impl Reach {
    pub(super) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "this machine itself",
            Self::Never => "an address that no name may stand for",
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        let [a, b, ..] = ip.octets();
        let shared = a == 100 && (64..128).contains(&b);
        let benchmark = a == 198 && (b == 18 || b == 19);
        let metadata = ip == WIRE_SERVER || ip == METADATA_V4 || ip.is_link_local();
        let reserved = a == 0 || a >= 240 || benchmark;
        if metadata || reserved || ip.is_multicast() {
            Self::Never
        } else if ip.is_loopback() {
            Self::Loopback
        } else if ip.is_private() || shared {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        if let Some(v4) = embedded(ip) {
            return Self::of_v4(v4);
        }
        let [first, ..] = ip.segments();
        let site_local = first & 0xffc0 == 0xfec0;
        let local = ip.is_unicast_link_local() || site_local;
        if local || ip == METADATA_V6 || ip.is_unspecified() || ip.is_multicast() {
            Self::Never
        } else if ip.is_loopback() {
            Self::Loopback
        } else if ip.is_unique_local() {
            Self::Private
        } else {
            Self::Public
        }
    }
}

/// The IPv4 address that a gateway or the kernel makes of an IPv6 one.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        // Mapped; and NAT64's well-known and local prefixes.
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0x64, 0xff9b, 1, ..] => v4(g, h),
        // Compatible, but for `::` and `::1`.
        [0, 0, 0, 0, 0, 0] if g != 0 || h > 1 => v4(g, h),
        // 6to4.
        [0x2002, ..] => v4(b, c),
        _ => None,
    }
}

/// Whether a name that the operator granted may stand for this address.
///
/// A name without dots is of the operator's own network by its nature. `private` is the operator's
/// word that the name is; `localhost` is this machine.
pub(super) fn may_stand_for(name: &str, private: bool, ip: IpAddr) -> bool {
    match Reach::of(ip) {
        Reach::Public => true,
        Reach::Private | Reach::Loopback if private => true,
        Reach::Private => !name.contains('.'),
        Reach::Loopback => !name.contains('.') || name.ends_with(".localhost"),
        Reach::Never => false,
    }
}

/// Whether a host is of the operator's own network by its form: a name without dots, or a private
/// address. Where a name with dots leads is for others to say.
pub(super) fn is_own(host: &HostPattern) -> bool {
    match host {
        HostPattern::Name(name) => !name.contains('.') || is_this_machine(host),
        HostPattern::Network(network) => {
            matches!(Reach::of(network.addr()), Reach::Private | Reach::Loopback)
        }
    }
}

/// Whether nobody can be between this machine and the host.
pub(super) fn is_this_machine(host: &HostPattern) -> bool {
    match host {
        HostPattern::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        HostPattern::Network(network) => Reach::of(network.addr()) == Reach::Loopback,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_own_network_is_told_by_its_form() {
        let cases = [
            ("db", true, false),
            ("localhost", true, true),
            ("db.localhost", true, true),
            ("db.example", false, false),
            ("127.0.0.1", true, true),
            ("[::1]", true, true),
            ("10.0.0.1", true, false),
            ("[fd00::1]", true, false),
            ("9.9.9.9", false, false),
            ("169.254.1.1", false, false),
        ];
        for (host, own, this_machine) in cases {
            let host: HostPattern = host.parse().unwrap();
            assert_eq!((is_own(&host), is_this_machine(&host)), (own, this_machine), "{host}");
        }
    }

    #[test]
    fn addresses_are_told_apart() {
        use Reach::{Loopback, Never, Private, Public};
        let cases = [
            ("9.9.9.9", Public),
            ("172.15.0.1", Public),
            ("172.32.0.1", Public),
            ("192.169.0.1", Public),
            ("2a00::1", Public),
            ("64:ff9b::9.9.9.9", Public),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("fd12::1", Private),
            ("::ffff:10.0.0.1", Private),
            ("64:ff9b::10.0.0.1", Private),
            ("2002:a00:1::1", Private),
            ("::10.0.0.1", Private),
            ("127.0.0.1", Loopback),
            ("127.9.9.9", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("169.254.169.254", Never),
            ("::ffff:169.254.169.254", Never),
            ("64:ff9b::169.254.169.254", Never),
            ("fe80::1", Never),
            ("fec0::1", Never),
            ("fd00:ec2::254", Never),
            ("100.100.100.200", Never),
            ("168.63.129.16", Never),
            ("0.0.0.0", Never),
            ("0.1.2.3", Never),
            ("::", Never),
            ("224.0.0.1", Never),
            ("ff02::1", Never),
            ("255.255.255.255", Never),
            ("198.18.0.1", Never),
        ];
        for (ip, expected) in cases {
            assert_eq!(Reach::of(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn a_public_name_stays_outside() {
        let cases = [
            ("db.example.com", false, "9.9.9.9", true),
            ("db.example.com", false, "10.0.0.1", false),
            ("db.example.com", false, "127.0.0.1", false),
            ("db.example.com", true, "10.0.0.1", true),
            ("db.example.com", true, "127.0.0.1", true),
            ("db.example.com", true, "169.254.169.254", false),
            ("db", false, "10.0.0.1", true),
            ("db", false, "127.0.1.1", true),
            ("db", false, "169.254.169.254", false),
            ("localhost", false, "::1", true),
            ("db.localhost", false, "127.0.0.1", true),
            ("db.localhost", false, "10.0.0.1", false),
            ("db", true, "0.0.0.0", false),
        ];
        for (name, private, ip, expected) in cases {
            let may = may_stand_for(name, private, ip.parse().unwrap());
            assert_eq!(may, expected, "{name} ({private}) at {ip}");
        }
    }
}

//! URL schemes that mean TLS, whatever a connector says of them.
//!
//! Whoever writes `https://` means it, and a connector that does not declare so, by mistake or on
//! purpose, must not get plain bytes. Connectors declare what else means TLS (`secure` in their
//! wishes); these need no declaration.

use super::grant::HostGrant;
use crate::{model::HostPattern, plugin::url::Url};

/// Schemes with a host in their URLs whose permanent registration at IANA refers to a specification
/// that demands TLS: RFC 6733, 8323, 9110 and 6455. Those of datagrams have no connections here.
const REGISTERED: [&str; 5] = ["aaas", "coaps+tcp", "coaps+ws", "https", "wss"];
/// A scheme that is composed with `+` names its transport so.
const TRANSPORTS: [&str; 4] = ["https", "ssl", "tls", "wss"];

/// Transports whose port everybody knows.
const WEB: [&str; 2] = ["https", "wss"];
const WEB_PORT: u16 = 443;

/// `scheme` is in lower case.
pub(super) fn means_tls(scheme: &str) -> bool {
    REGISTERED.contains(&scheme) || scheme.split('+').any(|part| TRANSPORTS.contains(&part))
}

/// Whether a text is a URL that means TLS and names this place. Without a port it means the web's, or
/// any where the scheme is not the web's.
pub(in crate::plugin) fn means_tls_at(text: &str, place: &HostGrant) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let of_web = url.scheme.split('+').any(|part| WEB.contains(&part));
    let is_place = |(host, port): &(HostPattern, Option<u16>)| {
        let port = port.or(of_web.then_some(WEB_PORT));
        *host == place.host && port.is_none_or(|port| port == place.port)
    };
    means_tls(&url.scheme) && url.hosts.iter().any(is_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_tls_is_known_without_a_connectors_word() {
        let cases = [
            ("https", true),
            ("wss", true),
            ("coaps+ws", true),
            ("x+https", true),
            ("x+tls", true),
            ("http", false),
            ("x", false),
            ("xhttps", false),
            ("tlsx", false),
            ("", false),
        ];
        for (scheme, expected) in cases {
            assert_eq!(means_tls(scheme), expected, "{scheme}");
        }
    }
}

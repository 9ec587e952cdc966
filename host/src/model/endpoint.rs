//! Places in a network, and how a connection there is protected, in the operator's words.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// Longest name of a host (RFC 1035).
const NAME_BYTES_MAX: usize = 253;
/// Longest part of a name between dots.
const LABEL_BYTES_MAX: usize = 63;

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// Never encrypted.
    Disable,
    /// Encrypted where the server offers it.
    Prefer,
    /// Encrypted; the server's certificate is checked only where a CA is named.
    Require,
    /// Encrypted, and the certificate is signed by the CA.
    VerifyCa,
    /// And it is for the host that was dialled.
    VerifyFull,
}

/// Why a text is no [`TlsMode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsModeError {
    #[error("`allow` would only encrypt when the server insists; write `prefer` or `require`")]
    Allow,
    #[error("`prefer` needs a server that is asked first; write verify-full, require or disable")]
    Unasked,
    #[error("is none of disable, prefer, require, verify-ca, verify-full")]
    Unknown,
}

impl TlsMode {
    /// The mode's own word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl FromStr for TlsMode {
    type Err = TlsModeError;

    fn from_str(word: &str) -> Result<Self, TlsModeError> {
        Ok(match word {
            "disable" | "false" | "off" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" | "true" | "on" => Self::VerifyFull,
            "allow" => return Err(TlsModeError::Allow),
            _ => return Err(TlsModeError::Unknown),
        })
    }
}

/// A host by name, or one or many by address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// In lower case, without a dot at the end.
    Name(String),
    /// One address is a network of its full length.
    Network(IpNet),
}

/// Why a text names no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error("the host is empty")]
    Empty,
    #[error("`{0}` is neither a host's name nor an address")]
    Neither(String),
    #[error("`{0}`: names with other letters are written in their ASCII form (xn--…)")]
    NotAscii(String),
    #[error("`{0}` names no port; write host:port")]
    NoPort(String),
    #[error("`{0}` is no port; write a number from 1 to 65535")]
    Port(String),
}

impl HostPattern {
    /// Whether this is exactly one address.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                Some(network.addr())
            }
            _ => None,
        }
    }

    /// Reads `host:port`; an IPv6 address or network stands in brackets.
    pub fn with_port(text: &str) -> Result<(Self, u16), HostError> {
        let no_port = || HostError::NoPort(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(no_port)?;
        if host.contains(':') && !host.starts_with('[') || port.contains(']') {
            return Err(no_port());
        }
        Ok((host.parse()?, parse_port(port)?))
    }
}

/// A port from 1 to 65535.
pub fn parse_port(text: &str) -> Result<u16, HostError> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| HostError::Port(text.to_owned()))
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let bare = text.replace(['[', ']'], "");
        let bracketed = text.starts_with('[');
        if let Ok(address) = bare.parse::<IpAddr>() {
            if address.is_ipv6() || !bracketed {
                return Ok(Self::Network(address.into()));
            }
        } else if let Ok(network) = bare.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        name(text).map(Self::Name)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.address()) {
            (Self::Name(name), _) => f.write_str(name),
            (_, Some(IpAddr::V6(address))) => write!(f, "[{address}]"),
            (_, Some(address)) => write!(f, "{address}"),
            (Self::Network(IpNet::V6(network)), None) => write!(f, "[{network}]"),
            (Self::Network(network), None) => write!(f, "{network}"),
        }
    }
}

/// Letters, digits, `-` and `_` between dots. A last part of digits is refused, since resolvers of
/// old read `127.1` and `2130706433` as addresses.
fn name(text: &str) -> Result<String, HostError> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    if !name.is_ascii() {
        return Err(HostError::NotAscii(text.to_owned()));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| {
        let ends = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && label.len() <= LABEL_BYTES_MAX && !ends && label.bytes().all(plain)
    };
    let last = name.rsplit('.').next().unwrap_or(&name);
    let digits = last.strip_prefix("0x").unwrap_or(last);
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || digits.len() < last.len() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if name.len() > NAME_BYTES_MAX || numeric || !name.split('.').all(is_label) {
        return Err(HostError::Neither(text.to_owned()));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_or_networks() {
        let cases = [
            ("db:5432", Ok(("db", 5432))),
            ("DB.Example.COM.:1", Ok(("db.example.com", 1))),
            ("my_db-1:65535", Ok(("my_db-1", 65535))),
            ("10.0.0.7:5432", Ok(("10.0.0.7", 5432))),
            ("10.1.2.3/8:5432", Ok(("10.0.0.0/8", 5432))),
            ("[::1]:5432", Ok(("[::1]", 5432))),
            ("[fd00::]/8:1", Ok(("[fd00::/8]", 1))),
            ("[fd00::/8]:1", Ok(("[fd00::/8]", 1))),
            ("db", Err("`db` names no port")),
            ("::1", Err("`::1` names no port")),
            ("[::1]", Err("names no port")),
            ("db:0", Err("`0` is no port")),
            ("db:65536", Err("`65536` is no port")),
            ("db:pg", Err("`pg` is no port")),
            (":5432", Err("the host is empty")),
            ("a b:1", Err("neither a host's name")),
            ("a..b:1", Err("neither")),
            ("-a:1", Err("neither")),
            ("*.example.com:1", Err("neither")),
            ("127.1:1", Err("neither")),
            ("2130706433:1", Err("neither")),
            ("0x7f000001:1", Err("neither")),
            ("300.0.0.1:1", Err("neither")),
            ("[10.0.0.1]:1", Err("neither")),
            ("fe80::1%eth0:1", Err("names no port")),
            ("[fe80::1%eth0]:1", Err("neither")),
            ("bücher.de:1", Err("xn--")),
        ];
        for (text, expected) in cases {
            match (HostPattern::with_port(text), expected) {
                (Ok((host, port)), Ok((name, number))) => {
                    assert_eq!((host.to_string().as_str(), port), (name, number), "{text}");
                }
                (Err(error), Err(words)) => {
                    assert!(error.to_string().contains(words), "{text}: {error}");
                }
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
        assert!(HostPattern::with_port(&format!("{}:1", "a.".repeat(130))).is_err());
    }

    #[test]
    fn modes_have_the_words_of_connection_strings() {
        let cases = [
            ("disable", Some(TlsMode::Disable)),
            ("false", Some(TlsMode::Disable)),
            ("off", Some(TlsMode::Disable)),
            ("prefer", Some(TlsMode::Prefer)),
            ("require", Some(TlsMode::Require)),
            ("verify-ca", Some(TlsMode::VerifyCa)),
            ("verify-full", Some(TlsMode::VerifyFull)),
            ("true", Some(TlsMode::VerifyFull)),
            ("on", Some(TlsMode::VerifyFull)),
            ("allow", None),
            ("", None),
            ("Require", None),
        ];
        for (word, mode) in cases {
            assert_eq!(word.parse().ok(), mode, "{word}");
        }
        assert!("allow".parse::<TlsMode>().unwrap_err().to_string().contains("`prefer`"));
    }
}

//! What a connector may reach over the network.

use std::{fmt, path::PathBuf};

use crate::model::{HostPattern, TlsMode};

/// One place that a connector may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostGrant {
    /// The configuration key it came from: `connection_string`, `options.KEY` or `grants.hosts`.
    pub key: String,
    pub host: HostPattern,
    pub port: u16,
    /// None where the connector's bytes travel as they are.
    pub tls: Option<TlsGrant>,
    /// Whether the name may stand for a private address.
    pub private: bool,
}

impl fmt::Display for HostGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How the host protects connections to a place. The connector sees plain bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsGrant {
    pub start: TlsStart,
    pub mode: TlsMode,
    /// PEM file of the certificates to trust; the system's where it is not given.
    pub ca: Option<PathBuf>,
    /// PEM file of the client's certificate and those that signed it.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key; the certificate's file where it is not given.
    pub key: Option<PathBuf>,
}

/// How TLS begins on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsStart {
    /// At once.
    Direct,
    /// After eight bytes that ask for it, and one byte of answer.
    SslRequest,
}

impl TlsStart {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "direct" => Self::Direct,
            "ssl-request" => Self::SslRequest,
            _ => return None,
        })
    }

    /// The mode where the operator names none.
    pub(super) fn default_mode(self) -> TlsMode {
        match self {
            Self::Direct => TlsMode::Disable,
            Self::SslRequest => TlsMode::Prefer,
        }
    }
}

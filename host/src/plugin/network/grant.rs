//! What a connector may reach over the network.

use std::{fmt, path::PathBuf};

use super::{account::Login, reach};
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
    /// As whom the host logs in for the connector; none where the connector does it.
    pub login: Option<Login>,
}

impl HostGrant {
    /// What would protect connections there better, where nobody said that they need no protection.
    pub fn advice(&self) -> Option<String> {
        let tls = self.tls.as_ref().filter(|_| !reach::is_this_machine(&self.host))?;
        match tls.mode {
            TlsMode::Prefer => Some(format!(
                "where the server says that it has no TLS, or somebody between says so for it, \
                 everything travels in plain, a password too; {} never goes without",
                tls.stricter()
            )),
            TlsMode::Disable if tls.is_default && !reach::is_own(&self.host) => Some(format!(
                "everything travels in plain, since nothing asks for TLS; {} does",
                tls.stricter()
            )),
            _ => None,
        }
    }
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
    /// The configured value's own parameter that says the mode, where it has one.
    pub parameter: Option<String>,
    /// Whether nothing that is configured says the mode.
    pub is_default: bool,
}

impl TlsGrant {
    /// Without files.
    pub fn new(start: TlsStart, mode: TlsMode) -> Self {
        let (ca, certificate, key, parameter) = (None, None, None, None);
        Self { start, mode, ca, certificate, key, parameter, is_default: false }
    }

    /// As strict as both: how TLS begins is this one's, the rest is what the other adds. None where
    /// the other asks for less, or for other files.
    pub(in crate::plugin) fn tightened(&self, by: &Self) -> Option<Self> {
        let clash = |ours: &Option<PathBuf>, theirs: &Option<PathBuf>| {
            ours.is_some() && theirs.is_some() && ours != theirs
        };
        let files =
            [(&self.ca, &by.ca), (&self.certificate, &by.certificate), (&self.key, &by.key)];
        if by.demands() < self.demands() || files.iter().any(|(ours, theirs)| clash(ours, theirs)) {
            return None;
        }
        let either = |ours: &Option<PathBuf>, theirs: &Option<PathBuf>| {
            theirs.as_ref().or(ours.as_ref()).cloned()
        };
        Some(Self {
            start: self.start,
            mode: by.mode,
            ca: either(&self.ca, &by.ca),
            certificate: either(&self.certificate, &by.certificate),
            key: either(&self.key, &by.key),
            parameter: self.parameter.clone(),
            is_default: false,
        })
    }

    /// Whether the server has to prove who it is.
    pub(super) fn verifies(&self) -> bool {
        self.demands() >= TlsMode::VerifyCa
    }

    /// `require` with a CA checks the certificate.
    fn demands(&self) -> TlsMode {
        match self.mode {
            TlsMode::Require if self.ca.is_some() => TlsMode::VerifyCa,
            mode => mode,
        }
    }

    /// What to write for more protection.
    pub(super) fn stricter(&self) -> String {
        match (self.parameter.as_deref(), self.start) {
            (Some(name), TlsStart::SslRequest) => {
                format!(
                    "`{name}=verify-full`, or `{name}=require` without a check of the certificate,"
                )
            }
            (Some(name), TlsStart::Direct) => format!("`{name}=true`"),
            (None, _) => "`tls: verify-full` of this host in `grants.hosts`".to_owned(),
        }
    }

    /// What to write to go without, where the mode is nobody's choice.
    pub(super) fn way_around(&self) -> String {
        match self.parameter.as_deref().filter(|_| self.is_default) {
            Some(name) => format!(
                ", as for every host outside of the operator's own network; write `{name}=disable` if \
                 everything, a password too, may travel in plain"
            ),
            None => String::new(),
        }
    }
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

    /// The mode where the operator names none. A server that is asked may be silenced by whoever is
    /// between, which is nothing to take for an answer from outside of the operator's own network.
    pub(super) fn default_mode(self, host: &HostPattern) -> TlsMode {
        match self {
            Self::Direct => TlsMode::Disable,
            Self::SslRequest if reach::is_own(host) => TlsMode::Prefer,
            Self::SslRequest => TlsMode::Require,
        }
    }
}

//! From a connector's wish for a host, and what the operator configured, to grants.
//!
//! A wish is `${KEY}?port=…&tls=…&…`: the value of KEY names the hosts, and the parameters say how
//! to read it. A connector so declares how its vendor writes URLs, and the host knows no vendor.

use std::path::Path;

use super::{
    account::LoginProtocol,
    grant::{HostGrant, TlsGrant, TlsStart},
    scheme,
    srv::SrvGrant,
};
use crate::{
    model::{HostPattern, TlsMode, TlsModeError, open_regular, parse_port},
    plugin::url::{self, Url, UrlError},
};

/// Longest name of a service (RFC 6335).
const SERVICE_BYTES_MAX: usize = 15;

/// How a configuration value is to be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::plugin) struct Reading {
    /// `connection_string` or `options.KEY`.
    pub key: String,
    port: Option<u16>,
    tls: Option<TlsStart>,
    /// Names of the URL's parameters that hold the mode and the files.
    mode: Option<String>,
    ca: Option<String>,
    certificate: Option<String>,
    certificate_key: Option<String>,
    /// The URL scheme whose host is looked up by SRV records.
    srv: Option<String>,
    /// Name of the URL's parameter that holds another service than the scheme's.
    service: Option<String>,
    /// URL schemes that mean verified TLS, `a|b`.
    secure: Option<String>,
    /// How the host can log in.
    pub(super) login: Option<LoginProtocol>,
}

/// What a configuration value stands for.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Wanted {
    pub hosts: Vec<HostGrant>,
    pub srv: Option<SrvGrant>,
}

/// Why there is no grant for what the operator configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    #[error("the connector asks for hosts in words this host does not know: {0}")]
    Declaration(String),
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error("`{0}` names no port, and the connector has no default")]
    NoPort(String),
    #[error("{0}:// names one host, by its name and without a port: its SRV records say the rest")]
    SrvHost(String),
    #[error("`{0}` is no name of a service: letters, digits and dashes, at most 15")]
    Service(String),
    #[error("`{name}={value}`: {cause}")]
    Mode { name: String, value: String, cause: TlsModeError },
    #[error(
        "`{name}={value}` contradicts {scheme}://, which means TLS; remove it, or write require, \
         verify-ca or verify-full"
    )]
    Plain { scheme: String, name: String, value: String },
    #[error("`{name}` means nothing while `{mode}` is {word}; remove it, or set `{mode}`")]
    Unused { name: String, mode: String, word: &'static str },
    #[error("`{name}` is {path}, which can't be read: {reason}")]
    File { name: String, path: String, reason: String },
}

impl Reading {
    /// Reads a connector's declaration. None where it is a literal, which is for people.
    pub(in crate::plugin) fn parse(declared: &str) -> Result<Option<Self>, WantedError> {
        let Some((key, rest)) = declared.strip_prefix("${").and_then(|d| d.split_once('}')) else {
            return Ok(None);
        };
        if key != "connection_string" && !key.starts_with("options.") {
            return Ok(None);
        }
        let unknown = || WantedError::Declaration(declared.to_owned());
        let query = match rest.strip_prefix('?') {
            Some(query) => query,
            None if rest.is_empty() => "",
            None => return Err(unknown()),
        };
        let mut reading = Self { key: key.to_owned(), ..Self::default() };
        for (name, value) in url::parameters(query).map_err(|_| unknown())? {
            match name.as_str() {
                "port" => reading.port = Some(parse_port(&value).map_err(|_| unknown())?),
                "tls" => reading.tls = Some(TlsStart::from_word(&value).ok_or_else(unknown)?),
                "mode" => reading.mode = Some(value),
                "ca" => reading.ca = Some(value),
                "certificate" => reading.certificate = Some(value),
                "key" => reading.certificate_key = Some(value),
                "srv" => reading.srv = Some(value),
                "service" => reading.service = Some(value),
                "secure" => reading.secure = Some(value.to_ascii_lowercase()),
                "login" => {
                    reading.login = Some(LoginProtocol::from_word(&value).ok_or_else(unknown)?);
                }
                _ => return Err(unknown()),
            }
        }
        let of_tls = [&reading.mode, &reading.ca, &reading.certificate, &reading.certificate_key];
        if reading.tls.is_none() && of_tls.iter().any(|name| name.is_some()) {
            return Err(unknown());
        }
        if reading.service.is_some() && reading.srv.is_none() {
            return Err(unknown());
        }
        Ok(Some(reading))
    }

    /// The grants that a value stands for. Relative files start at `base_dir`.
    pub(in crate::plugin) fn grants(
        &self,
        value: &str,
        base_dir: &Path,
    ) -> Result<Wanted, WantedError> {
        let url = Url::parse(value)?;
        let is_srv = self.srv.as_deref() == Some(&url.scheme);
        let is_secure = self.is_secure(&url.scheme);
        // A connector that declares nothing about TLS gets it all the same where the scheme means it.
        let start = self.tls.or_else(|| is_secure.then_some(TlsStart::Direct));
        let tls = |host: &HostPattern| {
            let tls = |start: TlsStart| {
                // Whoever answers for SRV records must not get plain bytes at a server of theirs.
                let default = if is_srv || is_secure {
                    TlsMode::VerifyFull
                } else {
                    start.default_mode(host)
                };
                self.tls(start, default, &url, base_dir)
            };
            start.map(tls).transpose()
        };
        if is_srv {
            let srv = self.srv(&url)?;
            let tls = tls(&HostPattern::Name(srv.host.clone()))?;
            return Ok(Wanted { hosts: Vec::new(), srv: Some(SrvGrant { tls, ..srv }) });
        }
        let grant = |(host, port): &(HostPattern, Option<u16>)| {
            let port = port.or(self.port);
            Ok(HostGrant {
                key: self.key.clone(),
                host: host.clone(),
                port: port.ok_or_else(|| WantedError::NoPort(host.to_string()))?,
                tls: tls(host)?,
                private: false,
                login: None,
            })
        };
        let hosts = url.hosts.iter().map(grant).collect::<Result<_, WantedError>>()?;
        Ok(Wanted { hosts, srv: None })
    }

    fn is_secure(&self, scheme: &str) -> bool {
        let declared = self.secure.iter().flat_map(|schemes| schemes.split('|'));
        scheme::means_tls(scheme) || declared.into_iter().any(|declared| declared == scheme)
    }

    /// Without TLS.
    fn srv(&self, url: &Url) -> Result<SrvGrant, WantedError> {
        let [(HostPattern::Name(host), None)] = url.hosts.as_slice() else {
            return Err(WantedError::SrvHost(url.scheme.clone()));
        };
        let named = self.service.as_ref().map(|names| url.parameter(names)).transpose()?.flatten();
        let of_scheme = url.scheme.split('+').next().unwrap_or(&url.scheme);
        let service = named.map_or(of_scheme, |(_, service)| service);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if service.len() > SERVICE_BYTES_MAX || !service.bytes().all(plain) {
            return Err(WantedError::Service(service.to_owned()));
        }
        Ok(SrvGrant {
            key: self.key.clone(),
            service: service.to_owned(),
            host: host.clone(),
            tls: None,
            private: false,
        })
    }

    fn tls(
        &self,
        start: TlsStart,
        default: TlsMode,
        url: &Url,
        base_dir: &Path,
    ) -> Result<TlsGrant, WantedError> {
        let parameter = |names: &Option<String>| match names {
            Some(names) => url.parameter(names),
            None => Ok(None),
        };
        let said = parameter(&self.mode)?;
        let mode = match said {
            Some((name, word)) => self.mode(start, url, name, word)?,
            None => default,
        };
        let file = |names: &Option<String>| {
            let Some((name, path)) = parameter(names)? else { return Ok(None) };
            let name = name.to_owned();
            if mode == TlsMode::Disable {
                let word = mode.word();
                return Err(WantedError::Unused { name, mode: self.mode_name(), word });
            }
            let path = base_dir.join(path);
            open_regular(&path).map_err(|error| WantedError::File {
                name,
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
            Ok(Some(path))
        };
        Ok(TlsGrant {
            start,
            mode,
            ca: file(&self.ca)?,
            certificate: file(&self.certificate)?,
            key: file(&self.certificate_key)?,
            parameter: self.mode.is_some().then(|| self.mode_name()),
            is_default: said.is_none(),
        })
    }

    /// The mode that a parameter says.
    fn mode(
        &self,
        start: TlsStart,
        url: &Url,
        name: &str,
        word: &str,
    ) -> Result<TlsMode, WantedError> {
        let (name, value) = (name.to_owned(), word.to_owned());
        match word.parse() {
            Ok(TlsMode::Disable | TlsMode::Prefer) if self.is_secure(&url.scheme) => {
                Err(WantedError::Plain { scheme: url.scheme.clone(), name, value })
            }
            Ok(TlsMode::Prefer) if start == TlsStart::Direct => {
                Err(WantedError::Mode { name, value, cause: TlsModeError::Unasked })
            }
            Ok(mode) => Ok(mode),
            Err(cause) => Err(WantedError::Mode { name, value, cause }),
        }
    }

    fn mode_name(&self) -> String {
        let names = self.mode.as_deref().unwrap_or("tls");
        names.split('|').next().unwrap_or(names).to_owned()
    }
}

#[cfg(test)]
mod tests;

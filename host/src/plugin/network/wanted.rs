//! From a connector's wish for a host, and what the operator configured, to grants.
//!
//! A wish is `${KEY}?port=…&tls=…&…`: the value of KEY names the hosts, and the parameters say how
//! to read it. A connector so declares how its vendor writes URLs, and the host knows no vendor.

use std::{fs, path::Path};

use super::{
    grant::{HostGrant, TlsGrant, TlsStart},
    srv::SrvGrant,
    url::{self, Url, UrlError},
};
use crate::model::{HostPattern, TlsMode, TlsModeError, parse_port};

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
        let tls = |start: TlsStart| {
            // Whoever answers for the records must not have plain bytes sent to a server of theirs.
            let default = if is_srv { TlsMode::VerifyFull } else { start.default_mode() };
            self.tls(start, default, &url, base_dir)
        };
        let tls = self.tls.map(tls).transpose()?;
        if is_srv {
            return Ok(Wanted { hosts: Vec::new(), srv: Some(self.srv(&url, tls)?) });
        }
        let grant = |(host, port): &(_, Option<u16>)| {
            let port = port.or(self.port);
            Ok(HostGrant {
                key: self.key.clone(),
                host: Clone::clone(host),
                port: port.ok_or_else(|| WantedError::NoPort(ToString::to_string(host)))?,
                tls: tls.clone(),
                private: false,
            })
        };
        let hosts = url.hosts.iter().map(grant).collect::<Result<_, WantedError>>()?;
        Ok(Wanted { hosts, srv: None })
    }

    fn srv(&self, url: &Url, tls: Option<TlsGrant>) -> Result<SrvGrant, WantedError> {
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
            tls,
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
        let mode = match parameter(&self.mode)? {
            Some((name, word)) => mode(start, word).map_err(|cause| {
                let (name, value) = (name.to_owned(), word.to_owned());
                WantedError::Mode { name, value, cause }
            })?,
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
            fs::File::open(&path).map_err(|error| WantedError::File {
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
        })
    }

    fn mode_name(&self) -> String {
        let names = self.mode.as_deref().unwrap_or("tls");
        names.split('|').next().unwrap_or(names).to_owned()
    }
}

fn mode(start: TlsStart, word: &str) -> Result<TlsMode, TlsModeError> {
    match word.parse()? {
        TlsMode::Prefer if start == TlsStart::Direct => Err(TlsModeError::Unasked),
        mode => Ok(mode),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSL_REQUEST: &str = "${connection_string}?port=5432&tls=ssl-request&mode=sslmode\
                               &ca=sslrootcert&certificate=sslcert&key=sslkey";
    const DIRECT: &str = "${connection_string}?port=27017&tls=direct&mode=tls|ssl&ca=tlsCAFile\
                          &certificate=tlsCertificateKeyFile&srv=mongodb%2Bsrv\
                          &service=srvServiceName";

    fn granted(declared: &str, value: &str) -> String {
        let base = Path::new(env!("CARGO_MANIFEST_DIR"));
        let reading = match Reading::parse(declared) {
            Ok(Some(reading)) => reading,
            Ok(None) => return "nothing".to_owned(),
            Err(error) => return format!("! {error}"),
        };
        match reading.grants(value, base) {
            Ok(Wanted { hosts, srv: None }) => {
                hosts.iter().map(shown).collect::<Vec<_>>().join(" ")
            }
            Ok(Wanted { srv: Some(srv), .. }) => {
                let grant = HostGrant {
                    key: srv.key,
                    host: format!("{}.{}", srv.service, srv.host).parse().unwrap(),
                    port: 1,
                    tls: srv.tls,
                    private: srv.private,
                };
                format!("srv {}", shown(&grant))
            }
            Err(error) => format!("! {error}"),
        }
    }

    fn shown(grant: &HostGrant) -> String {
        let tls = grant.tls.as_ref().map_or(String::new(), |tls| {
            let start = match tls.start {
                TlsStart::Direct => "direct",
                TlsStart::SslRequest => "request",
            };
            let files = [&tls.ca, &tls.certificate, &tls.key];
            let names = files.map(|file| {
                let name = file.as_ref().and_then(|path| path.file_name());
                name.map_or(String::new(), |name| format!("/{}", name.to_string_lossy()))
            });
            format!("/{start}/{}{}", tls.mode.word(), names.concat())
        });
        format!("{grant}{tls}")
    }

    fn assert_granted(cases: &[(&str, &str, &str, &str)]) {
        for (name, declared, value, expected) in cases {
            let granted = granted(declared, value);
            assert!(granted.starts_with(expected), "{name}: {granted}");
            assert!(granted.starts_with('!') || granted == *expected, "{name}: {granted}");
        }
    }

    #[test]
    fn configured_urls_become_grants_as_the_connector_declares() {
        assert_granted(&[
            ("a literal is for people", "db.example:5432", "", "nothing"),
            ("another reference too", "${secrets.x}", "", "nothing"),
            ("plain", "${connection_string}", "x://db:1", "db:1"),
            ("no port", "${connection_string}", "x://db", "! `db` names no port"),
            ("default port", "${options.a}?port=7", "x://db,c:8", "db:7 c:8"),
            ("hosts alone", "${options.a}?port=7", "db", "db:7"),
            ("prefer", SSL_REQUEST, "pg://u:p@db/x", "db:5432/request/prefer"),
            ("full", SSL_REQUEST, "pg://db?sslmode=verify-full", "db:5432/request/verify-full"),
            (
                "files",
                SSL_REQUEST,
                "pg://db?sslmode=require&sslrootcert=Cargo.toml&sslcert=src%2Flib.rs&sslkey=src/main.rs",
                "db:5432/request/require/Cargo.toml/lib.rs/main.rs",
            ),
            ("allow", SSL_REQUEST, "pg://db?sslmode=allow", "! `sslmode=allow`: `allow` would"),
            ("a word", SSL_REQUEST, "pg://db?sslmode=maybe", "! `sslmode=maybe`: is none of"),
            (
                "two words",
                SSL_REQUEST,
                "pg://db?sslmode=require&sslmode=disable",
                "! its parameters `sslmode` and `sslmode` say different things",
            ),
            (
                "a file for nothing",
                SSL_REQUEST,
                "pg://db?sslmode=disable&sslrootcert=Cargo.toml",
                "! `sslrootcert` means nothing while `sslmode` is disable",
            ),
            (
                "no file",
                SSL_REQUEST,
                "pg://db?sslmode=require&sslrootcert=none.pem",
                "! `sslrootcert` is ",
            ),
        ]);
    }

    #[test]
    fn tls_from_the_first_byte_is_on_where_the_url_says_so() {
        assert_granted(&[
            (
                "direct is off by default",
                DIRECT,
                "mongodb://a,b:2",
                "a:27017/direct/disable b:2/direct/disable",
            ),
            ("direct", DIRECT, "mongodb://a?tls=true", "a:27017/direct/verify-full"),
            ("another name of it", DIRECT, "mongodb://a?ssl=true", "a:27017/direct/verify-full"),
            (
                "both names",
                DIRECT,
                "mongodb://a?tls=true&ssl=false",
                "! its parameters `tls` and `ssl` say different things",
            ),
            (
                "a name that a driver may read, too",
                DIRECT,
                "mongodb://a?TLS=true",
                "! its parameter `TLS` is spelled `tls`",
            ),
            ("nobody is asked", DIRECT, "mongodb://a?tls=prefer", "! `tls=prefer`: `prefer` needs"),
            (
                "seeds after a password",
                DIRECT,
                "mongodb://u:p%40s:%2Fx@a.example:1,b.example:2,[::1]:3/db?replicaSet=rs0",
                "a.example:1/direct/disable b.example:2/direct/disable [::1]:3/direct/disable",
            ),
            (
                "certificate and key in one file",
                "${connection_string}?port=1&tls=direct&mode=tls&certificate=pem&key=pem",
                "x://a?tls=true&pem=Cargo.toml",
                "a:1/direct/verify-full/Cargo.toml/Cargo.toml",
            ),
        ]);
    }

    #[test]
    fn one_host_stands_for_those_of_its_srv_records() {
        assert_granted(&[
            (
                "srv is protected by default",
                DIRECT,
                "mongodb+srv://u:p@c.example.com/x",
                "srv mongodb.c.example.com:1/direct/verify-full",
            ),
            (
                "but for a word",
                DIRECT,
                "mongodb+srv://c.example.com/?tls=false&srvServiceName=other",
                "srv other.c.example.com:1/direct/disable",
            ),
            ("srv with a port", DIRECT, "mongodb+srv://c.example.com:1", "! mongodb+srv:// names"),
            ("srv of two", DIRECT, "mongodb+srv://a.b.c,d.b.c", "! mongodb+srv:// names one host"),
            ("srv of an address", DIRECT, "mongodb+srv://10.0.0.1", "! mongodb+srv:// names one"),
            (
                "no service",
                DIRECT,
                "mongodb+srv://a.b.c?srvServiceName=x.y",
                "! `x.y` is no name of a service",
            ),
        ]);
    }

    #[test]
    fn declarations_in_unknown_words_are_refused() {
        assert_granted(&[
            (
                "an unknown parameter",
                "${connection_string}?magic=1",
                "x://db:1",
                "! the connector asks",
            ),
            (
                "a mode without TLS",
                "${connection_string}?mode=m",
                "x://db:1",
                "! the connector asks",
            ),
            (
                "an unknown start",
                "${connection_string}?tls=magic",
                "x://db:1",
                "! the connector asks",
            ),
            ("words after it", "${connection_string}/x", "x://db:1", "! the connector asks"),
        ]);
    }
}

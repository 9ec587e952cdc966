//! Reads the connection string.
//!
//! The driver's own parser reads it. What the host does outside of the sandbox (TLS, client
//! certificates) is taken off, and what this connector does itself (finding the primary) is kept
//! beside it: the driver gets one address and connects to nothing else.

mod srv;

use std::time::Duration;

use cartridge_warp_sdk::{Config, Failure};
use mongodb::options::{
    AuthMechanism, ClientOptions, ConnectionString, Credential, HostInfo, ReadPreference,
    ServerAddress, ServerMonitoringMode,
};

/// The grant that the connector wants: the servers of its connection string, and how the host should
/// talk TLS to them.
pub const HOST_GRANT: &str = "${connection_string}?port=27017&tls=direct&mode=tls|ssl&ca=tlsCAFile&certificate=tlsCertificateKeyFile&key=tlsCertificateKeyFile&srv=mongodb+srv&service=srvServiceName";

const APPLICATION_NAME: &str = "cartridge-warp";
const DEFAULT_PORT: u16 = 27017;
const EXAMPLE: &str = "mongodb://user:password@host:27017,host2:27017/?replicaSet=rs0&tls=true";
const EXAMPLE_OF_X509: &str =
    "mongodb://host:27017/?authMechanism=MONGODB-X509&tls=true&tlsCertificateKeyFile=client.pem";
/// How long a server may take to accept a connection where the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a primary is looked for where the URL does not say (`serverSelectionTimeoutMS`).
const SELECTION_TIMEOUT: Duration = Duration::from_secs(15);
/// The host ends a call after a minute.
const TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// Servers that are asked for the primary.
const SEEDS_MAX: usize = 64;
/// The driver looks at its one server only this often by itself; errors are seen by whoever has them.
const HEARTBEAT: Duration = Duration::from_secs(600);

/// Among [`OF_TLS`]: certificate and key of this side.
const OF_CERTIFICATE: &str = "tlscertificatekeyfile";
/// The host reads these and ends TLS outside of the sandbox.
const OF_TLS: [&str; 9] = [
    "ssl",
    "tls",
    "tlsallowinvalidcertificates",
    "tlsallowinvalidhostnames",
    "tlscafile",
    "tlscertificatekeyfile",
    "tlscertificatekeyfilepassword",
    "tlsdisableocspendpointcheck",
    "tlsinsecure",
];

/// A connection string that was understood.
#[derive(Clone)]
pub struct Settings {
    /// Where to ask for the primary.
    pub seeds: Vec<Address>,
    /// The seed must be the primary itself; no other server is asked.
    pub direct: bool,
    /// The set that the servers must be of.
    pub replica_set: Option<String>,
    /// How long a primary is looked for.
    pub selection_timeout: Duration,
    connect_timeout: Duration,
    app_name: String,
    credential: Option<Credential>,
}

/// How a connection string logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Not at all.
    Nobody,
    /// By name and password.
    Password,
    /// By the certificate that the host shows.
    Certificate,
}

/// A server by the name that a person or the replica set calls it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Name or literal.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Address {
    /// Reads `host:port` as members of a replica set name each other.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(&ServerAddress::parse(text).ok()?)
    }

    fn of(address: &ServerAddress) -> Option<Self> {
        let ServerAddress::Tcp { host, port } = address else { return None };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: port.unwrap_or(DEFAULT_PORT) })
    }
}

impl Settings {
    /// Reads the connection string of a configuration.
    ///
    /// # Errors
    /// As [`Settings::parse`].
    pub fn of<O>(config: &Config<O>) -> Result<Self, Failure> {
        let text = config.connection_string.trim();
        let Some(rest) = text.strip_prefix("mongodb+srv://") else { return Self::parse(text) };
        let (hosts, records) = (config.setting("srv_hosts"), config.setting("srv_options"));
        Self::parse(&srv::resolved(rest, hosts, records)?)
    }

    /// Reads a `mongodb://` URL.
    ///
    /// # Errors
    /// `config` with what is wrong; never with the URL itself, which may hold a password.
    fn parse(text: &str) -> Result<Self, Failure> {
        if !text.starts_with("mongodb://") {
            return Err(refused("is no MongoDB URL"));
        }
        let parsed = ConnectionString::parse(without_tls(text))
            .map_err(|error| refused("cannot be read").detail(error.to_string()))?;
        let seeds = seeds(&parsed.host_info)?;
        check(&parsed, seeds.len())?;
        check_login(parsed.credential.as_ref(), text)?;
        let timeout = |given: Option<Duration>, default: Duration| {
            given.filter(|given| !given.is_zero()).unwrap_or(default).min(TIMEOUT_MAX)
        };
        Ok(Self {
            seeds,
            direct: parsed.direct_connection == Some(true),
            replica_set: parsed.replica_set,
            selection_timeout: timeout(parsed.server_selection_timeout, SELECTION_TIMEOUT),
            connect_timeout: timeout(parsed.connect_timeout, CONNECT_TIMEOUT),
            app_name: parsed.app_name.unwrap_or_else(|| APPLICATION_NAME.to_owned()),
            credential: parsed.credential.map(|login| of_user(login, parsed.default_database)),
        })
    }

    /// Servers that the replica set named are asked as well from now on, should the others be gone.
    pub fn learn(&mut self, members: &[Address]) {
        let new = |member: &&Address| !self.direct && !self.seeds.contains(member);
        let new: Vec<Address> = members.iter().filter(new).cloned().collect();
        let room = SEEDS_MAX.saturating_sub(self.seeds.len());
        self.seeds.extend(new.into_iter().take(room));
    }

    /// Begins with another server the next time: the first one may hold everybody up.
    pub fn turn(&mut self) {
        self.seeds.rotate_left(1);
    }

    /// The driver's options for one server at a literal address.
    pub fn client(&self, literal: ServerAddress, with_login: bool) -> ClientOptions {
        let mut options = ClientOptions::default();
        options.hosts = vec![literal];
        options.direct_connection = Some(true);
        options.app_name = Some(self.app_name.clone());
        options.credential = self.credential.clone().filter(|_| with_login);
        options.connect_timeout = Some(self.connect_timeout);
        options.server_selection_timeout = Some(self.connect_timeout);
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        options.heartbeat_freq = Some(HEARTBEAT);
        // An error of the network is for us to see: the primary may be another server by now.
        options.retry_reads = Some(false);
        options
    }

    /// How the connection string logs in.
    pub fn login(&self) -> Login {
        match &self.credential {
            None => Login::Nobody,
            Some(login) if is_by_certificate(login) => Login::Certificate,
            Some(_) => Login::Password,
        }
    }

    /// How long a server may take to accept a connection.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }
}

fn seeds(hosts: &HostInfo) -> Result<Vec<Address>, Failure> {
    let HostInfo::HostIdentifiers(hosts) = hosts else {
        return Err(refused("names no servers"));
    };
    let seeds: Option<Vec<Address>> = hosts.iter().map(Address::of).collect();
    seeds.ok_or_else(|| refused("names a socket file, which a component cannot open"))
}

fn is_by_certificate(login: &Credential) -> bool {
    login.mechanism == Some(AuthMechanism::MongoDbX509)
}

/// A login with the database that keeps the user: where `authSource` is missing, the one in the URL's
/// path, and without it the driver's choice. Certificates are kept nowhere.
fn of_user(mut login: Credential, database: Option<String>) -> Credential {
    if !is_by_certificate(&login) {
        login.source = login.source.or(database);
    }
    login
}

/// What the driver would accept and this connector cannot honour.
fn check(parsed: &ConnectionString, seeds: usize) -> Result<(), Failure> {
    if parsed.load_balanced == Some(true) {
        return Err(refused("asks for loadBalanced, which this connector does not support"));
    }
    if parsed.direct_connection == Some(true) && seeds > 1 {
        return Err(refused("asks for directConnection and names several servers; name one"));
    }
    if !matches!(parsed.read_preference, None | Some(ReadPreference::Primary)) {
        return Err(refused(
            "asks for a readPreference; snapshot and change stream read from the primary, where \
             they agree, so leave the parameter out",
        ));
    }
    Ok(())
}

/// The same for who logs in.
fn check_login(login: Option<&Credential>, url: &str) -> Result<(), Failure> {
    let Some(login) = login else { return Ok(()) };
    match &login.mechanism {
        Some(AuthMechanism::MongoDbX509) => return check_certificate(login, url),
        None | Some(AuthMechanism::ScramSha1 | AuthMechanism::ScramSha256) => {}
        Some(other) => {
            return Err(refused(&format!(
                "asks for authMechanism {}; use SCRAM-SHA-256, SCRAM-SHA-1 or MONGODB-X509",
                other.as_str()
            )));
        }
    }
    if login.username.as_deref().unwrap_or_default().contains(',') {
        return Err(refused(
            "names a user with a comma, which the driver does not send as servers understand it; \
             use another user",
        ));
    }
    Ok(())
}

/// The driver sends the user's name in a way that servers do not look at, so a wrong one would do.
fn check_certificate(login: &Credential, url: &str) -> Result<(), Failure> {
    let refused = |what| refused_like(what, EXAMPLE_OF_X509);
    if login.username.is_some() {
        return Err(refused(
            "names a user, and with MONGODB-X509 the user is the subject of the certificate; leave \
             the name out",
        ));
    }
    if !parameters(url).any(|pair| name(pair) == OF_CERTIFICATE) {
        return Err(refused(
            "asks for MONGODB-X509 and names no tlsCertificateKeyFile, which holds the client's \
             certificate and key",
        ));
    }
    Ok(())
}

/// The same URL without the parameters that are the host's business.
fn without_tls(url: &str) -> String {
    let address = url.split('?').next().unwrap_or_default();
    let kept: Vec<&str> =
        parameters(url).filter(|pair| !OF_TLS.contains(&name(pair).as_str())).collect();
    if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
}

/// The parameters of a URL, each with its value.
fn parameters(url: &str) -> impl Iterator<Item = &str> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    query.split('&').filter(|pair| !pair.is_empty())
}

/// A parameter's name; its case has no meaning.
fn name(pair: &str) -> String {
    pair.split('=').next().unwrap_or_default().to_ascii_lowercase()
}

fn refused(what: &str) -> Failure {
    refused_like(what, EXAMPLE)
}

fn refused_like(what: &str, example: &str) -> Failure {
    Failure::config(
        "invalid-connection-string",
        format!("`connection_string` {what}; write it like {example}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_read_or_refused_with_the_reason() {
        let read = |url: &str| Settings::parse(url);
        let one = read("mongodb://warp:p%40ss@db.example/shop?authSource=admin&tls=true").unwrap();
        assert_eq!(one.seeds, [Address { host: "db.example".into(), port: 27017 }]);
        assert_eq!(one.credential.unwrap().password.as_deref(), Some("p@ss"));
        let set = read(
            "mongodb://a:1,b:2,[::1]:3/?replicaSet=rs0&connectTimeoutMS=2000&retryWrites=true\
             &w=majority&readPreference=primary&authMechanism=MONGODB-X509&ssl=true\
             &tlsCertificateKeyFile=client.pem",
        )
        .unwrap();
        let named: Vec<String> = set.seeds.iter().map(Address::to_string).collect();
        assert_eq!(named, ["a:1", "b:2", "[::1]:3"]);
        assert_eq!(set.replica_set.as_deref(), Some("rs0"));
        assert_eq!(set.connect_timeout(), Duration::from_secs(2));
        assert_eq!(set.login(), Login::Certificate);
        assert_eq!(read("mongodb://a/?tls=true").unwrap().login(), Login::Nobody);
        for (url, reason) in [
            ("postgresql://a", "is no MongoDB URL"),
            ("mongodb://", "cannot be read"),
            ("mongodb://a/?readPreference=secondary", "readPreference"),
            ("mongodb://a/?loadBalanced=true", "loadBalanced"),
            ("mongodb://u:p@a/?authMechanism=PLAIN&authSource=x", "authMechanism PLAIN"),
            ("mongodb://a,b/?directConnection=true", "directConnection"),
            ("mongodb://a%2Cb:secret@a/", "a comma"),
            ("mongodb://a/?authMechanism=MONGODB-X509&tls=true", "names no tlsCertificateKeyFile"),
            (
                "mongodb://CN%3Dwarp@a/?authMechanism=MONGODB-X509&tlsCertificateKeyFile=x",
                "leave the name out",
            ),
            (
                "mongodb://a/?authMechanism=MONGODB-X509&tlsCertificateKeyFile=x&authSource=b",
                "cannot be read",
            ),
            ("mongodb://%2Ftmp%2Fmongodb.sock/", "socket file"),
            ("mongodb://u:secret@a/?nonsense=1", "cannot be read"),
        ] {
            let failure = read(url).err().unwrap_or_else(|| panic!("{url}"));
            assert!(failure.message.contains(reason), "{url}: {failure}");
            assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        }
    }

    #[test]
    fn the_path_names_the_database_of_the_user_where_auth_source_does_not() {
        let x509 = "authMechanism=MONGODB-X509&tls=true&tlsCertificateKeyFile=client.pem";
        for (url, source) in [
            ("mongodb://u:p@a/shop", Some("shop")),
            ("mongodb://u:p@a/shop?authMechanism=SCRAM-SHA-1", Some("shop")),
            ("mongodb://u:p@a/shop?authSource=admin", Some("admin")),
            ("mongodb://u:p@a/", None),
            (&format!("mongodb://a/shop?{x509}"), None),
            (&format!("mongodb://a/?{x509}&authSource=%24external"), Some("$external")),
        ] {
            let credential = Settings::parse(url).unwrap().credential.unwrap();
            assert_eq!(credential.source.as_deref(), source, "{url}");
        }
    }

    #[test]
    fn the_driver_gets_one_plain_address() {
        let settings = Settings::parse("mongodb://u:p@a,b/?tls=true&tlsCAFile=ca.pem").unwrap();
        let literal = ServerAddress::Tcp { host: "198.18.0.1".into(), port: Some(27017) };
        let options = settings.client(literal.clone(), true);
        assert_eq!(options.hosts, std::slice::from_ref(&literal));
        assert_eq!(options.direct_connection, Some(true));
        assert!(options.tls.is_none() && options.credential.is_some());
        assert!(settings.client(literal, false).credential.is_none());
        assert_eq!(settings.login(), Login::Password);
    }
}

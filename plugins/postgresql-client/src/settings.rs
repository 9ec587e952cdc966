//! Reads a connection string.
//!
//! Only URLs are accepted, because the host derives from the same text what the connector may reach.

use std::time::Duration;

use cartridge_warp_sdk::Failure;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, SslNegotiation};

/// The grant that a PostgreSQL connector wants: the servers of its connection string, how the host
/// should talk TLS to them, and that it may log in itself.
pub const HOST_GRANT: &str = "${connection_string}?port=5432&tls=ssl-request&mode=sslmode&ca=sslrootcert&certificate=sslcert&key=sslkey&login=startup-3";

/// How long a server may take to accept a connection where the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const APPLICATION_NAME: &str = "cartridge-warp";
const DEFAULT_PORT: u16 = 5432;
const EXAMPLE: &str = "postgresql://user:password@host:5432/database?sslmode=require";

/// The host reads these and ends TLS outside of the sandbox.
const OF_TLS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation"];
/// What the driver reads, as far as it has a meaning here.
const KNOWN: [&str; 7] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "options",
    "target_session_attrs",
    "user",
];

/// A connection string that was understood.
#[derive(Clone)]
pub struct Settings {
    config: Config,
    servers: Vec<(String, u16)>,
}

impl Settings {
    /// Reads a `postgresql://` or `postgres://` URL.
    ///
    /// # Errors
    /// `config` with what is wrong; never with the URL itself, which may hold a password.
    pub fn parse(connection_string: &str) -> Result<Self, Failure> {
        let text = connection_string.trim();
        if !text.starts_with("postgresql://") && !text.starts_with("postgres://") {
            return Err(refused("is no PostgreSQL URL; key=value strings are not read"));
        }
        if has_bare_separator(text) {
            return Err(refused(
                "has one of @ / ? # in its user or password, where they end it; percent-encode them \
                 (%40, %2F, %3F, %23)",
            ));
        }
        let (address, query) = text.split_once('?').unwrap_or((text, ""));
        let query = kept(query)?;
        let url = if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") };
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            refused("cannot be read").detail(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_channel_binding() == ChannelBinding::Require {
            return Err(refused(
                "asks for channel_binding=require, which cannot work where the host ends TLS; \
                 remove it and use sslmode=verify-full",
            ));
        }
        if config.get_user().is_none_or(str::is_empty) {
            return Err(refused("names no user"));
        }
        config.ssl_mode(SslMode::Disable).ssl_negotiation(SslNegotiation::Postgres);
        config.channel_binding(ChannelBinding::Disable);
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION_NAME);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        let servers = servers(&config)?;
        Ok(Self { config, servers })
    }

    /// The driver's configuration, without TLS.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Hosts and ports in the order in which they are tried.
    pub fn servers(&self) -> &[(String, u16)] {
        &self.servers
    }

    /// How long one server may take to answer.
    pub fn connect_timeout(&self) -> Duration {
        self.config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT)
    }

    /// The servers as words for messages.
    pub fn place(&self) -> String {
        let server = |(host, port): &(String, u16)| format!("{host}:{port}");
        self.servers.iter().map(server).collect::<Vec<_>>().join(", ")
    }
}

/// Whether user or password have a character that ends them: what is behind it would be taken for a
/// server, a database or a parameter, and shown.
fn has_bare_separator(url: &str) -> bool {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let place = rest.split('?').next().unwrap_or(rest);
    match authority.matches('@').count() {
        0 => rest.contains('@'),
        _ => place.matches('@').count() > 1 || place.contains('#'),
    }
}

/// The parameters that are the driver's.
fn kept(query: &str) -> Result<String, Failure> {
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or(pair);
        if KNOWN.contains(&name) {
            kept.push(pair);
        } else if ["host", "hostaddr", "port"].contains(&name) {
            return Err(refused(&format!(
                "has a parameter `{name}`; write the server before the /"
            )));
        } else if !OF_TLS.contains(&name) {
            let known = [&KNOWN[..], &OF_TLS[..]].concat().join(", ");
            // What looks like no name may be a piece of a password.
            if !name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_') {
                return Err(refused(&format!(
                    "has something that is no parameter behind a ?, which a password has as %3F; \
                     known parameters are {known}"
                )));
            }
            return Err(refused(&format!("has an unknown parameter `{name}`; known are {known}")));
        }
    }
    Ok(kept.join("&"))
}

fn servers(config: &Config) -> Result<Vec<(String, u16)>, Failure> {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate();
    let servers: Vec<_> = hosts
        .filter_map(|(at, host)| match host {
            Host::Tcp(name) if !name.is_empty() => {
                Some((name.clone(), ports.get(at).copied().unwrap_or(DEFAULT_PORT)))
            }
            _ => None,
        })
        .collect();
    if servers.is_empty() || servers.len() != config.get_hosts().len() {
        return Err(refused("needs the name or address of a server; sockets are out of reach"));
    }
    Ok(servers)
}

fn refused(why: &str) -> Failure {
    Failure::config(
        "invalid-connection-string",
        format!("connection_string {why}; write {EXAMPLE}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_tls_is_left_to_the_host() {
        let url = "postgres://me:p%40ss@a.example,[::1]:6000/db?sslmode=verify-full&sslrootcert=x\
                   &connect_timeout=3&target_session_attrs=read-write";
        let settings = Settings::parse(url).unwrap();
        assert_eq!(settings.servers(), [("a.example".to_owned(), 5432), ("::1".to_owned(), 6000)]);
        let config = settings.config();
        assert_eq!(config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(config.get_password(), Some(&b"p@ss"[..]));
        assert_eq!((config.get_user(), config.get_dbname()), (Some("me"), Some("db")));
        assert_eq!(config.get_application_name(), Some("cartridge-warp"));
        assert_eq!(settings.connect_timeout(), Duration::from_secs(3));
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_form_that_can() {
        for (text, word) in [
            ("host=a user=secret", "key=value"),
            ("mysql://secret@h/db", "no PostgreSQL URL"),
            ("postgresql://h/db?sslmode=require", "no user"),
            ("postgresql://secret@h/db?channel_binding=require", "channel_binding"),
            ("postgresql://secret@h/db?hostaddr=1.2.3.4", "hostaddr"),
            ("postgresql://secret@h/db?gssencmode=disable", "gssencmode"),
            ("postgresql://secret@h/db?load_balance_hosts=random", "load_balance_hosts"),
            ("postgresql://secret@h/db?connect_timeout=soon", "cannot be read"),
            ("postgresql://secret@h:port/db", "cannot be read"),
            ("postgresql://secret@%2Fvar%2Frun/db", "server"),
            ("postgresql://secret@/db", "server"),
            ("postgresql://me:a@secret@h/db", "percent-encode"),
            ("postgresql://me:a/secret@h/db", "percent-encode"),
            ("postgresql://me:a?secret@h/db", "percent-encode"),
            ("postgresql://me:a#secret@h/db", "percent-encode"),
            ("postgresql://me:a@b/secret@h/db", "percent-encode"),
            ("postgresql://me:a@b#secret@h/db", "percent-encode"),
            ("postgresql://me:a@b?secret@h/db", "%3F"),
            ("postgresql://me:a@b?2secret=1", "%3F"),
        ] {
            let failure = Settings::parse(text).err().unwrap();
            assert!(failure.message.contains(word), "{text}: {failure}");
            assert!(failure.message.contains("postgresql://user:"), "{failure}");
            assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        }
    }
}

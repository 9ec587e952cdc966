//! A place in the network that the operator grants.

use std::{borrow::Cow, fmt, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Serialize, Serializer,
    de::{Deserializer, Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::model::{HostPattern, TlsMode, TlsModeError};

/// A host and port the connector may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostGrant {
    /// A name, an address, or a range of addresses such as `10.0.0.0/8`. A range that is wider than
    /// a private or special network does not grant what is in that.
    #[serde(serialize_with = "shown")]
    pub host: HostPattern,
    /// From 1 to 65535.
    pub port: u16,
    /// How the host protects the connection; nothing where the connector's bytes travel as they are.
    #[serde(serialize_with = "shown_mode")]
    pub tls: Option<TlsMode>,
    /// PEM file of the certificates to trust, instead of the system's.
    pub ca: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub certificate: Option<PathBuf>,
    /// PEM file of its key, where that is not in the certificate's file.
    pub key: Option<PathBuf>,
    /// Whether the name may stand for a private address.
    pub private: bool,
    /// Who logs in there.
    pub credentials: Credentials,
}

/// Who logs in at a host of the connection string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Credentials {
    /// The connector, which gets the password.
    #[default]
    Connector,
    /// The host, which keeps it; the connector has to declare how its servers are logged in to.
    Host,
}

fn shown<S: Serializer>(host: &HostPattern, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(host)
}

#[allow(clippy::ref_option, reason = "serde's signature")]
fn shown_mode<S: Serializer>(mode: &Option<TlsMode>, serializer: S) -> Result<S::Ok, S::Error> {
    mode.map(TlsMode::word).serialize(serializer)
}

impl<'de> Deserialize<'de> for HostGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HostVisitor)
    }
}

/// The long form of [`HostGrant`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct LongHost {
    /// A name, an address, or a range of addresses such as `10.0.0.0/8`. A range that is wider than
    /// a private or special network does not grant what is in that.
    host: String,
    /// The port.
    #[schemars(range(min = 1))]
    port: u16,
    /// Protect the connection: disable, prefer, require, verify-ca or verify-full.
    #[serde(default)]
    tls: Option<String>,
    /// PEM file of the certificates to trust, instead of the system's.
    #[serde(default)]
    ca: Option<PathBuf>,
    /// PEM file of the client's certificate.
    #[serde(default)]
    certificate: Option<PathBuf>,
    /// PEM file of its key, where that is not in the certificate's file.
    #[serde(default)]
    key: Option<PathBuf>,
    /// Whether the name may stand for a private address.
    #[serde(default)]
    private: bool,
    /// Who logs in there: connector, which then gets the password of the connection string, or host,
    /// which keeps it.
    #[serde(default)]
    credentials: Credentials,
}

impl TryFrom<LongHost> for HostGrant {
    type Error = String;

    fn try_from(long: LongHost) -> Result<Self, String> {
        let host: HostPattern = long.host.parse().map_err(|error| format!("{error}"))?;
        if long.port == 0 {
            return Err("port 0 can't be reached; write a number from 1 to 65535".to_owned());
        }
        let tls = match long.tls.as_deref() {
            Some(word) => Some(begun_at_once(word).map_err(|e| format!("`tls: {word}`: {e}"))?),
            None => None,
        };
        let protected = tls.is_some_and(|mode| mode != TlsMode::Disable);
        if !protected && (long.ca.is_some() || long.certificate.is_some() || long.key.is_some()) {
            return Err("`ca`, `certificate` and `key` mean nothing without `tls`".to_owned());
        }
        if long.key.is_some() && long.certificate.is_none() {
            return Err("`key` means nothing without `certificate`".to_owned());
        }
        if long.private && matches!(host, HostPattern::Network(_)) {
            return Err("`private` is for names; an address is granted as it is".to_owned());
        }
        let LongHost { port, ca, certificate, key, private, credentials, .. } = long;
        Ok(Self { host, port, tls, ca, certificate, key, private, credentials })
    }
}

fn begun_at_once(word: &str) -> Result<TlsMode, TlsModeError> {
    match word.parse()? {
        TlsMode::Prefer => Err(TlsModeError::Unasked),
        mode => Ok(mode),
    }
}

struct HostVisitor;

impl<'de> Visitor<'de> for HostVisitor {
    type Value = HostGrant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("host:port, or a map with `host`, `port`, `tls`, `private` and `credentials`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<HostGrant, E> {
        let (host, port) = HostPattern::with_port(text).map_err(E::custom)?;
        let (tls, ca, certificate, key) = (None, None, None, None);
        let (private, credentials) = (false, Credentials::Connector);
        Ok(HostGrant { host, port, tls, ca, certificate, key, private, credentials })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HostGrant, A::Error> {
        let long = LongHost::deserialize(MapAccessDeserializer::new(map))?;
        HostGrant::try_from(long).map_err(A::Error::custom)
    }
}

impl JsonSchema for HostGrant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HostGrant".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = LongHost::json_schema(generator);
        json_schema!({"anyOf": [{"type": "string"}, long]})
    }
}

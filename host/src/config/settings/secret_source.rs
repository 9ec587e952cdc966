//! Where the host finds a secret.

use std::borrow::Cow;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::config::values::Interval;

/// How long a printed secret is used where nothing is said.
const TTL: Interval = Interval::seconds(300);

/// Where the host finds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum SecretSource {
    /// An environment variable of this name.
    Env(String),
    /// The content of this file, read at each connection.
    File(PathBuf),
    /// What a program prints, such as a token that expires.
    Command {
        /// The program and its arguments; there is no shell.
        command: Vec<String>,
        /// How long what it printed is used.
        ttl: Interval,
    },
}

/// A secret's place as it stands in the file.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
struct Written {
    /// An environment variable of this name; this, `file` or `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    env: Option<String>,
    /// A file whose content is the secret, relative to the configuration file; read at each
    /// connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// A program and its arguments, run without a shell, that prints the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    /// How long what `command` printed is used, by default five minutes; a shorter time runs it more
    /// often, a longer one than the secret lives breaks connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<Interval>,
}

/// Not one place.
#[derive(Debug, thiserror::Error)]
#[error("a secret is {{env: NAME}}, {{file: PATH}} or {{command: [PROGRAM, ARGUMENT], ttl: 15m}}")]
struct NoPlace;

impl TryFrom<Written> for SecretSource {
    type Error = NoPlace;

    fn try_from(written: Written) -> Result<Self, NoPlace> {
        match written {
            Written { env: Some(name), file: None, command: None, ttl: None } => {
                Ok(Self::Env(name))
            }
            Written { env: None, file: Some(path), command: None, ttl: None } => {
                Ok(Self::File(path))
            }
            Written { env: None, file: None, command: Some(command), ttl } => {
                Ok(Self::Command { command, ttl: ttl.unwrap_or(TTL) })
            }
            _ => Err(NoPlace),
        }
    }
}

impl From<SecretSource> for Written {
    fn from(source: SecretSource) -> Self {
        match source {
            SecretSource::Env(name) => Self { env: Some(name), ..Self::default() },
            SecretSource::File(path) => Self { file: Some(path), ..Self::default() },
            SecretSource::Command { command, ttl } => {
                Self { command: Some(command), ttl: Some(ttl), ..Self::default() }
            }
        }
    }
}

impl JsonSchema for SecretSource {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SecretSource".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

//! What a connector says it is. Sizes and words are checked by `convert` before a value exists.

use std::fmt;

/// Which side of a pipeline a connector is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Source,
    Destination,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A connector's answer to `describe`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorInfo {
    /// The word that `source.type` or `destination.type` names.
    pub name: String,
    pub role: Role,
    pub version: String,
    pub description: String,
    pub capabilities: Vec<String>,
    /// JSON Schema of `options`.
    pub options_schema: serde_json::Value,
    pub wanted_grants: Vec<WantedGrant>,
}

impl ConnectorInfo {
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|c| c == capability)
    }
}

/// Something the connector asks the operator for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedGrant {
    pub kind: GrantKind,
    /// A literal, `${connection_string}` or `${options.KEY}`.
    pub value: String,
    pub reason: String,
}

/// The kinds of grants the contract knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantKind {
    ReadDirectory,
    WriteDirectory,
    WriteFile,
    Host,
    Secret,
    Environment,
}

impl GrantKind {
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "read-directory" => Self::ReadDirectory,
            "write-directory" => Self::WriteDirectory,
            "write-file" => Self::WriteFile,
            "host" => Self::Host,
            "secret" => Self::Secret,
            "environment" => Self::Environment,
            _ => return None,
        })
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::ReadDirectory => "read-directory",
            Self::WriteDirectory => "write-directory",
            Self::WriteFile => "write-file",
            Self::Host => "host",
            Self::Secret => "secret",
            Self::Environment => "environment",
        }
    }
}

/// A connector's own words, as they came: whoever reads them checks them.
pub(super) struct Answer(pub Vec<u8>);

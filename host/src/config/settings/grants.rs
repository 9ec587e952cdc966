//! What a connector may touch and how much it may use (I7, I10).

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::{HostGrant, SecretSource, at_least_one};
use crate::config::values::{ByteCount, Interval, names_or_map};

/// What a connector may touch. The default is nothing.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Places in the network the connector may reach beside those of its connection string: names
    /// or addresses with a port, and how the host protects connections to them.
    pub hosts: Vec<HostGrant>,
    /// Directories the connector may read, and write where `writable`.
    pub directories: Vec<DirectoryGrant>,
    /// Secrets the connector may ask for by name, and where the host finds each.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Environment variables the connector sees: a list of names to pass on, or a map to set.
    #[serde(deserialize_with = "names_or_map")]
    #[schemars(schema_with = "environment_schema")]
    pub environment: BTreeMap<String, EnvironmentGrant>,
}

/// A directory the connector sees at the same path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DirectoryGrant {
    /// The directory, relative to the configuration file.
    pub path: PathBuf,
    /// Whether the connector may change what is in it.
    pub writable: bool,
}

/// What a granted environment variable holds inside the connector.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum EnvironmentGrant {
    /// The value it has for the host; unset there means unset inside.
    #[default]
    Inherit,
    /// This value.
    Value(String),
}

/// How much a connector may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The most memory one instance may hold, at least 1MiB; a larger batch needs more, more instances
    /// share less.
    pub memory: ByteCount,
    /// The most memory all instances of the connector hold together, with what the host keeps for
    /// them; more schemas and streams need more.
    pub memory_total: ByteCount,
    /// The most files and sockets all instances of the connector have open together; not set, a
    /// share of what the system gives the process.
    pub descriptors: Option<NonZeroU32>,
    /// The most threads all instances of the connector have together. Each open connection counts as
    /// one, which it has while it works; so this bounds the connections, too.
    pub threads: NonZeroU32,
    /// How far the files that the connector may write grow in one run of the process, by all its
    /// instances; not set, as far as the disk has room. Bytes by which a file gets longer count, and
    /// 4 KiB for each new name; shortening a file gives bytes back, removing it does not.
    pub written_bytes: Option<ByteCount>,
    /// The longest one call may take before the instance is dropped, more than zero; a slow server needs
    /// more.
    pub call_deadline: Interval,
    /// The most log lines a connector may write in a second; further lines are counted, not kept.
    pub log_lines_per_second: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteCount::mebibytes(256),
            memory_total: ByteCount::mebibytes(4096),
            descriptors: None,
            threads: at_least_one(2048),
            written_bytes: None,
            call_deadline: Interval::seconds(60),
            log_lines_per_second: at_least_one(100),
        }
    }
}

/// What all connectors of the process together may make it hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessLimits {
    /// The most memory of all connectors, with what the host keeps for them; the host's own part
    /// comes on top.
    pub memory: ByteCount,
    /// The most files and sockets of all connectors; not set, what the system gives the process but
    /// for some that the host keeps for itself.
    pub descriptors: Option<NonZeroU32>,
    /// The most threads of all connectors. A connection reserves 4 GiB of address space, up to 16
    /// where a connector is composed of several; a process has 128 TiB.
    pub threads: NonZeroU32,
    /// The most schemas that start at the same time, while the others wait for their turn: more are
    /// ready sooner where servers are slow, and ask more of them at once. One that takes more than
    /// five seconds, with a large copy, say, no longer counts. Not set, four for each core.
    pub starts: Option<NonZeroU32>,
    /// How much compiling one connector may use; it happens once per version.
    pub compile: CompileLimits,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            memory: ByteCount::mebibytes(6144),
            descriptors: None,
            threads: at_least_one(4096),
            starts: None,
            compile: CompileLimits::default(),
        }
    }
}

/// How much compiling one connector may use, in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompileLimits {
    /// The most address space of the compiler; a connector with more code needs more. Holds on Linux.
    pub memory: ByteCount,
    /// The most time of the processor, in seconds; by the clock it may take ten times as long. A
    /// connector with more code needs more.
    pub time: Interval,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { memory: ByteCount::mebibytes(2048), time: Interval::seconds(120) }
    }
}

impl<'de> Deserialize<'de> for DirectoryGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DirectoryVisitor)
    }
}

/// The long form of [`DirectoryGrant`].
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct LongDirectory {
    /// The directory, relative to the configuration file.
    path: PathBuf,
    /// Whether the connector may change what is in it.
    #[serde(default)]
    writable: bool,
}

struct DirectoryVisitor;

impl<'de> Visitor<'de> for DirectoryVisitor {
    type Value = DirectoryGrant;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path, or a map with `path` and `writable`")
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<DirectoryGrant, E> {
        Ok(DirectoryGrant { path: path.into(), writable: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DirectoryGrant, A::Error> {
        let long = LongDirectory::deserialize(MapAccessDeserializer::new(map))?;
        Ok(DirectoryGrant { path: long.path, writable: long.writable })
    }
}

impl JsonSchema for DirectoryGrant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DirectoryGrant".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = LongDirectory::json_schema(generator);
        json_schema!({"anyOf": [{"type": "string"}, long]})
    }
}

impl<'de> Deserialize<'de> for EnvironmentGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::Value)
    }
}

impl Serialize for EnvironmentGrant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inherit => serializer.serialize_str("(as the host has it)"),
            Self::Value(_) => serializer.serialize_str("***"),
        }
    }
}

impl fmt::Debug for EnvironmentGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Inherit { "Inherit" } else { "Value(***)" })
    }
}

fn environment_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "object", "string"],
        "items": {"type": "string"},
        "additionalProperties": {"type": "string"},
        "format": "a list of names, or a map from name to value",
    })
}

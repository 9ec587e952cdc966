//! A number of bytes, written `256MiB`, `1GB` or as a plain number.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A number of bytes.
///
/// ```
/// use cartridge_warp::config::ByteCount;
/// let memory: ByteCount = "256MiB".parse().unwrap();
/// assert_eq!(memory.get(), 268_435_456);
/// assert_eq!(memory.to_string(), "256MiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(u64);

/// Why a text is no number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of bytes; write it like 256MiB, 1GB or 4096")]
pub struct NotBytes(String);

impl ByteCount {
    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 2^20 bytes; more than a `u64` holds becomes the largest `u64`.
    #[must_use]
    pub const fn mebibytes(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteCount {
    type Err = NotBytes;

    fn from_str(text: &str) -> Result<Self, NotBytes> {
        let parsed: bytesize::ByteSize = text.parse().map_err(|_| NotBytes(text.to_owned()))?;
        Ok(Self(parsed.as_u64()))
    }
}

impl fmt::Display for ByteCount {
    /// In the largest binary unit that loses nothing, so that what is printed reads back the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.iter().find(|(size, _)| self.0 != 0 && self.0.is_multiple_of(*size)) {
            Some((size, unit)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for ByteCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ByteCountVisitor)
    }
}

struct ByteCountVisitor;

impl Visitor<'_> for ByteCountVisitor {
    type Value = ByteCount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of bytes like 256MiB")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteCount, E> {
        Ok(ByteCount(bytes))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteCount, E> {
        text.parse().map_err(E::custom)
    }
}

impl JsonSchema for ByteCount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ByteCount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["integer", "string"], "format": "a number of bytes like 256MiB"})
    }
}

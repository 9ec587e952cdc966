//! A list of glob patterns for table or column names.

use std::borrow::Cow;

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

use super::Names;

/// Glob patterns (`orders`, `audit_*`, `{a,b}?`), compiled; upper and lower case differ.
///
/// ```
/// use cartridge_warp::config::Patterns;
/// let patterns = Patterns::new(["audit_*"]).unwrap();
/// assert!(patterns.matches("audit_2024") && !patterns.matches("orders"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    texts: Names,
    compiled: GlobSet,
}

/// Why a pattern is refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the pattern `{pattern}` is not a valid glob: {reason}")]
pub struct NotPattern {
    pattern: String,
    reason: globset::ErrorKind,
}

impl Patterns {
    /// Compiles the patterns.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, NotPattern> {
        Self::compile(patterns.into_iter().collect())
    }

    fn compile(texts: Names) -> Result<Self, NotPattern> {
        let mut set = GlobSetBuilder::new();
        for pattern in texts.iter() {
            let refused = |e: globset::Error| NotPattern {
                pattern: pattern.to_owned(),
                reason: e.kind().clone(),
            };
            set.add(Glob::new(pattern).map_err(refused)?);
        }
        let refused = |e: globset::Error| NotPattern {
            pattern: e.glob().unwrap_or("(all together)").to_owned(),
            reason: e.kind().clone(),
        };
        Ok(Self { compiled: set.build().map_err(refused)?, texts })
    }

    /// Whether any pattern matches the whole name. No pattern matches nothing.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.compiled.is_match(name)
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The patterns as they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter()
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Patterns {}

impl Serialize for Patterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.texts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::compile(Names::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Patterns {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Names::json_schema(generator)
    }
}

//! The name of an entry of `tables`: one table, or a glob for many.

use std::borrow::Cow;

use globset::{Glob, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// Characters that make a name a pattern.
const OF_PATTERNS: [char; 4] = ['*', '?', '[', '{'];

/// A table's name, or a glob (`audit_*`), compiled; upper and lower case differ.
///
/// ```
/// use cartridge_warp::config::TableName;
/// assert!(TableName::from("audit_*").matches("audit_2024"));
/// assert!(!TableName::from("audit").matches("audit_2024"));
/// ```
#[derive(Clone, Debug)]
pub struct TableName {
    text: String,
    /// None where the text is the name itself.
    glob: Option<GlobMatcher>,
}

impl TableName {
    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stands for whichever tables match.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.glob.is_some()
    }

    /// Whether it is this table's name, or matches the whole of it.
    #[must_use]
    pub fn matches(&self, table: &str) -> bool {
        match &self.glob {
            Some(glob) => glob.is_match(table),
            None => self.text == table,
        }
    }

    fn parse(text: String) -> Result<Self, globset::Error> {
        let glob = match text.contains(OF_PATTERNS) {
            true => Some(Glob::new(&text)?.compile_matcher()),
            false => None,
        };
        Ok(Self { text, glob })
    }
}

/// A text that is no valid glob is a table's name.
impl<S: Into<String>> From<S> for TableName {
    fn from(text: S) -> Self {
        let text = text.into();
        Self::parse(text.clone()).unwrap_or(Self { text, glob: None })
    }
}

impl PartialEq for TableName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TableName {}

impl Serialize for TableName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text.clone()).map_err(|error| {
            let reason = error.kind();
            D::Error::custom(format!("the pattern `{text}` is not a valid glob: {reason}"))
        })
    }
}

impl JsonSchema for TableName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TableName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

//! How a connector finds its server, directory or file: text that may hold a password.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::config::redact::redact;

/// What begins the place of a secret.
const OPEN: &str = "${secrets.";

/// A connection string. Printing, debugging and serialising it redacts passwords; only
/// [`ConnectionString::expose`] gives the text, so each use of the secret can be searched for.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct ConnectionString(String);

impl ConnectionString {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The names of the granted secrets that it has places for, written `${secrets.NAME}`.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.split(OPEN).skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
    }

    /// The text with those places filled. In a URL (`scheme://…`) values are percent-encoded; in
    /// other text they stand as they are.
    ///
    /// ```
    /// # use cartridge_warp::config::ConnectionString;
    /// let text = ConnectionString::new("postgresql://app:${secrets.token}@db/shop");
    /// let filled = text.fill(|_| "a/b?".to_owned());
    /// assert_eq!(filled, "postgresql://app:a%2Fb%3F@db/shop");
    /// ```
    #[must_use]
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let mut pieces = self.0.split(OPEN);
        let is_url = self.0.contains("://");
        let mut filled = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            match piece.split_once('}') {
                Some((name, rest)) if is_url => {
                    percent_encode(&value(name), &mut filled);
                    filled.push_str(rest);
                }
                Some((name, rest)) => filled.extend([value(name).as_str(), rest]),
                None => filled.extend([OPEN, piece]),
            }
        }
        filled
    }

    /// The text with its secrets, for the connector only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Everything but what no URL gives a meaning to.
fn percent_encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte));
            }
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

impl From<&str> for ConnectionString {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionString({self})")
    }
}

impl Serialize for ConnectionString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

//! The secret that makes hashes of masked values unguessable.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::model::open_regular;

/// The key of masks that hash. Printing and serialising it hides it.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(inline, with = "String")]
pub struct HashKey(Arc<str>);

/// Why a file holds no key.
#[derive(Debug, thiserror::Error)]
pub enum NoHashKey {
    /// It can't be read.
    #[error("can't be read: {0}")]
    Unread(#[from] std::io::Error),
    /// It holds too little or far too much.
    #[error("holds {0} bytes, {min} to {max} are a key", min = HashKey::BYTES_MIN, max = HashKey::BYTES_MAX)]
    Size(usize),
}

impl HashKey {
    /// Shorter keys are tried out: whoever reads hashes of known values may do that at leisure.
    pub const BYTES_MIN: usize = 16;
    /// Longer texts are something else.
    pub const BYTES_MAX: usize = 4096;

    /// Wraps a text; blanks around it are none of it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text.trim()))
    }

    /// The content of a file.
    pub(in crate::config) fn read(path: &Path) -> Result<Self, NoHashKey> {
        let mut text = String::new();
        let file = open_regular(path)?;
        file.take(Self::BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
        if text.len() > Self::BYTES_MAX {
            return Err(NoHashKey::Size(text.len()));
        }
        let key = Self::new(&text);
        if key.is_too_short() {
            return Err(NoHashKey::Size(key.0.len()));
        }
        Ok(key)
    }

    /// Whether it could be tried out.
    #[must_use]
    pub fn is_too_short(&self) -> bool {
        self.0.len() < Self::BYTES_MIN
    }

    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for HashKey {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

impl Serialize for HashKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

//! Why a document cannot travel as a row.

use bson::error::{Error, ErrorKind};

/// The document becomes a dead letter with this code and this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// Kebab-case word.
    pub(crate) code: &'static str,
    /// One sentence, without values.
    pub(crate) reason: String,
}

impl Rejection {
    pub(crate) fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub(crate) fn duplicate(field: &str) -> Self {
        let reason = format!("the document has the field {field:?} more than once");
        Self::new("duplicate-field", reason)
    }
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        let field = error.key.as_deref().map(|key| format!(" at field {key:?}"));
        let field = field.unwrap_or_default();
        match error.kind {
            ErrorKind::Utf8Encoding { .. } => {
                Self::new("invalid-utf8", format!("text of the document is not UTF-8{field}"))
            }
            _ => {
                let why = error.message.as_deref().unwrap_or("unreadable");
                Self::new("malformed-bson", format!("the document is no BSON{field}: {why}"))
            }
        }
    }
}

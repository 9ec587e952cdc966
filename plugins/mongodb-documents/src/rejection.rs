//! Why a document cannot travel as a row.

use bson::error::{Error, ErrorKind};

/// Bytes of a field's name that a message shows.
const FIELD_BYTES_MAX: usize = 128;

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

    /// Of a field that cannot be read.
    pub(crate) fn at(field: &str, mut error: Error) -> Self {
        error.key.get_or_insert_with(|| field.to_owned());
        error.into()
    }

    pub(crate) fn duplicate(field: &str) -> Self {
        let reason = format!("a document has the field {} more than once", shown(field));
        Self::new("duplicate-field", reason)
    }
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        let field = error.key.as_deref().map(|key| format!(" at field {}", shown(key)));
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

/// A field's name, quoted and cut.
fn shown(field: &str) -> String {
    format!("{:?}", &field[..field.floor_char_boundary(FIELD_BYTES_MAX)])
}

//! The form that documents take, as far as the operator chooses it.
//!
//! It is stored with every position and every range of a copy. Under other options the same document
//! becomes another row: by `id_type` its key is another one, so an update would be a second row and a
//! delete would hit none; by `schema_mode` and `max_document_depth` its values stand in other columns
//! than those of the rows that are there. So a form that changed is a failure, before anything is
//! written.

use cartridge_warp_sdk::Failure;
use mongodb_documents::{IdType, Mode};

use crate::options::Options;

/// A form in the words of the options, by which it is stored and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form(String);

impl Form {
    /// The form that the options ask for.
    pub fn of(options: &Options) -> Self {
        let id_type = match options.id_type {
            IdType::Auto => "auto",
            IdType::Json => "json",
        };
        let mode = match options.mode() {
            Mode::Columns { max_depth } => {
                format!("schema_mode: columns, max_document_depth: {max_depth}")
            }
            Mode::Document => "schema_mode: document".to_owned(),
        };
        Self(format!("id_type: {id_type}, {mode}"))
    }

    /// A form as it was stored.
    pub fn stored(words: &str) -> Self {
        Self(words.to_owned())
    }

    /// For storing it.
    pub fn words(&self) -> &str {
        &self.0
    }

    /// Whether rows of this form may join those of a stored one; nobody knows which that was where it
    /// is none, as in the first positions and ranges.
    ///
    /// # Errors
    /// `config` when the forms differ.
    pub fn check(&self, stored: Option<&Self>) -> Result<(), Failure> {
        match stored {
            Some(stored) if stored != self => Err(Failure::config(
                "options-changed",
                format!(
                    "the tables were copied with the options `{}`, and now they are `{}`: the same \
                     document would become another row. Set them back, or run once with \
                     --full-resync to copy the tables anew",
                    stored.0, self.0
                ),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_differ_by_what_changes_rows_and_by_nothing_else() {
        let form = |json: &str| Form::of(&serde_json::from_str(json).unwrap());
        let base = form("{}");
        assert_eq!(base.words(), "id_type: auto, schema_mode: columns, max_document_depth: 0");
        for same in [r#"{"sample_size": 7}"#, r#"{"full_document": "required"}"#] {
            assert_eq!(form(same), base);
            assert_eq!(base.check(Some(&Form::stored(form(same).words()))), Ok(()));
        }
        assert_eq!(base.check(None), Ok(()));
        for other in [
            r#"{"id_type": "json"}"#,
            r#"{"max_document_depth": 1}"#,
            r#"{"schema_mode": "document"}"#,
        ] {
            let failure = base.check(Some(&form(other))).unwrap_err();
            assert_eq!(failure.code, "options-changed");
            assert!(failure.message.contains("--full-resync"), "{failure}");
        }
    }
}

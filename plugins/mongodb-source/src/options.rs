//! The connector's options, as the operator writes them.

use cartridge_warp_sdk::Failure;
use mongodb_documents::{FLATTENED_LEVELS_MAX, IdType, Mode};
use schemars::JsonSchema;
use serde::Deserialize;

/// Options of the `mongodb` source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// How documents become columns: `columns`, one for each top-level field, or `document`, the
    /// whole document as JSON beside its `_id`.
    pub schema_mode: SchemaMode,
    /// With `columns`: levels of nested documents whose fields get columns of their own, such as
    /// `address_city`. 0: nested documents are JSON.
    #[schemars(range(max = 32))]
    pub max_document_depth: u32,
    /// What the column `_id` holds: `auto`, what fits the collection, which must then keep to one
    /// type; `json`, JSON text, which holds every `_id`.
    pub id_type: IdType,
    /// Documents of each collection that are looked at for its first shape. Fields that they lack
    /// become columns when they are met.
    #[schemars(range(min = 1, max = 10_000))]
    pub sample_size: u32,
    /// What an update brings: `lookup`, the document as it is when the server reads its log;
    /// `required`, the document as the update left it, from the collection's post-images, which each
    /// selected collection must keep (MongoDB 6.0).
    pub full_document: FullDocument,
}

/// How documents become columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaMode {
    /// A column for each top-level field.
    #[default]
    Columns,
    /// `_id` and one JSON column.
    Document,
}

/// What an update brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FullDocument {
    /// The document as the server finds it when it reads its log.
    #[default]
    Lookup,
    /// The post-image; a collection that keeps none is an error.
    Required,
}

impl FullDocument {
    /// The server's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lookup => "updateLookup",
            Self::Required => "required",
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schema_mode: SchemaMode::default(),
            max_document_depth: 0,
            id_type: IdType::default(),
            sample_size: 200,
            full_document: FullDocument::default(),
        }
    }
}

impl Options {
    /// Looks for options that would have no effect beside the others.
    ///
    /// # Errors
    /// `config` for the first of them.
    pub fn check(&self, polls: bool) -> Result<(), Failure> {
        let refused = |words: &str| Err(Failure::config("option-without-effect", words));
        if self.schema_mode == SchemaMode::Document && self.max_document_depth > 0 {
            return refused(
                "`max_document_depth` has no effect with `schema_mode: document`, which keeps whole \
                 documents; leave one of them out",
            );
        }
        if polls && self.full_document == FullDocument::Required {
            return refused(
                "`full_document: required` has no effect with `change_detection_strategy: timestamp`, \
                 which reads documents as they are; leave one of them out",
            );
        }
        Ok(())
    }

    /// How documents become columns.
    pub fn mode(&self) -> Mode {
        match self.schema_mode {
            SchemaMode::Columns => {
                Mode::Columns { max_depth: self.max_document_depth.min(FLATTENED_LEVELS_MAX) }
            }
            SchemaMode::Document => Mode::Document,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_without_effect_are_refused() {
        for (json, of_log, of_polling) in [
            ("{}", true, true),
            (r#"{"schema_mode": "document"}"#, true, true),
            (r#"{"schema_mode": "document", "max_document_depth": 1}"#, false, false),
            (r#"{"full_document": "required"}"#, true, false),
        ] {
            let options: Options = serde_json::from_str(json).unwrap();
            let taken = [false, true].map(|polls| options.check(polls).is_ok());
            assert_eq!(taken, [of_log, of_polling], "{json}");
        }
    }

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let read = |json: &str| serde_json::from_str::<Options>(json);
        let options = read(r#"{"max_document_depth": 2, "id_type": "json"}"#).unwrap();
        assert_eq!(options.mode(), Mode::Columns { max_depth: 2 });
        assert_eq!((options.id_type, options.sample_size), (IdType::Json, 200));
        assert_eq!(read(r#"{"schema_mode": "document"}"#).unwrap().mode(), Mode::Document);
        for json in [
            r#"{"schema": "document"}"#,
            r#"{"schema_mode": "rows"}"#,
            r#"{"full_document": "never"}"#,
            r#"{"max_document_depth": -1}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}

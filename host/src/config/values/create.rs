//! What a destination's tables are given beside their columns and key.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::model::ExtraKind;

/// Kinds of things, written as a list or as one text `a,b`; `none` is an empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Create(BTreeSet<ExtraKind>);

/// What stands for an empty list.
const NONE: &str = "none";

impl Create {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kinds, each once.
    pub fn kinds(&self) -> &BTreeSet<ExtraKind> {
        &self.0
    }

    fn of<E: Error>(words: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, E> {
        let kind = |word: &str| ExtraKind::ALL.into_iter().find(|kind| kind.word() == word);
        let unknown = |word: &str| {
            let known = ExtraKind::ALL.map(ExtraKind::word).join(", ");
            E::custom(format_args!("`{word}` is none of {known}"))
        };
        let words = words.into_iter().map(|word| {
            let word = word.as_ref().trim();
            kind(word).ok_or_else(|| unknown(word))
        });
        words.collect::<Result<_, E>>().map(Self)
    }
}

impl fmt::Display for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|kind| kind.word()).collect();
        f.write_str(if words.is_empty() { NONE.to_owned() } else { words.join(",") }.as_str())
    }
}

/// One text, so that it is one key and not several.
impl Serialize for Create {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Create {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;

        impl<'de> Visitor<'de> for Kinds {
            type Value = Create;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a list of `indexes` and `comments`, or one text like \"indexes,comments\"",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Create, E> {
                if text.trim() == NONE {
                    Ok(Create::default())
                } else {
                    Create::of(text.split(','))
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Create, A::Error> {
                let mut words: Vec<String> = Vec::new();
                while let Some(word) = items.next_element()? {
                    words.push(word);
                }
                Create::of(words)
            }
        }

        deserializer.deserialize_any(Kinds)
    }
}

impl JsonSchema for Create {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Create".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["array", "string"],
            "items": {"type": "string", "enum": ExtraKind::ALL.map(ExtraKind::word)},
            "format": "a list of indexes, comments; or one text like \"indexes,comments\", or none",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_a_list_or_a_text() {
        let read = |json: &str| serde_json::from_str::<Create>(json).map(|read| read.to_string());
        for (json, shown) in [
            (r#"["comments", "indexes"]"#, "indexes,comments"),
            (r#""comments, indexes""#, "indexes,comments"),
            (r#"["indexes", "indexes"]"#, "indexes"),
            ("[]", "none"),
            (r#""none""#, "none"),
        ] {
            assert_eq!(read(json).unwrap(), shown, "{json}");
            let again = serde_json::to_string(shown).unwrap();
            assert_eq!(read(&again).unwrap(), shown, "what is shown reads back");
        }
        for wrong in [r#"["constraint"]"#, r#""indexes,""#, "7", r#"["none"]"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let error = read(r#"["keys"]"#).unwrap_err().to_string();
        assert!(error.contains("`keys` is none of indexes, comments"), "{error}");
    }
}

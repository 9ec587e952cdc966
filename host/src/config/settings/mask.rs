//! What replaces the values of a masked column.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// What replaces the value of a masked column. NULL stays NULL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mask {
    /// NULL.
    #[default]
    Redact,
    /// The HMAC-SHA-256 of the value's text by the `hash_key`, in hex.
    Hash,
    /// The SHA-256 of the value's text, in hex.
    HashUnkeyed,
    /// `***` and what follows the last `@`.
    Email,
    /// The first and the last characters of the value's text, with `***` between.
    Keep {
        /// Characters that are kept in front.
        first: u32,
        /// Characters that are kept at the end.
        last: u32,
    },
}

const WORDS: [(&str, Mask); 4] = [
    ("redact", Mask::Redact),
    ("hash", Mask::Hash),
    ("hash-unkeyed", Mask::HashUnkeyed),
    ("email", Mask::Email),
];

#[derive(Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Kept {
    keep_first: u32,
    keep_last: u32,
}

impl Mask {
    /// Whether different values stay different, so that a key can be masked by it.
    #[must_use]
    pub fn keeps_apart(self) -> bool {
        matches!(self, Self::Hash | Self::HashUnkeyed)
    }
}

impl<'de> Deserialize<'de> for Mask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaskVisitor)
    }
}

struct MaskVisitor;

impl<'de> Visitor<'de> for MaskVisitor {
    type Value = Mask;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word, or a map of characters to keep")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Mask, E> {
        let known = WORDS.iter().find(|(word, _)| *word == text);
        known.map(|(_, mask)| *mask).ok_or_else(|| E::unknown_variant(text, &[]))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Mask, A::Error> {
        let Kept { keep_first, keep_last } =
            Kept::deserialize(MapAccessDeserializer::new(entries))?;
        if keep_first == 0 && keep_last == 0 {
            return Err(A::Error::custom("nothing would be kept; `redact` says so"));
        }
        Ok(Mask::Keep { first: keep_first, last: keep_last })
    }
}

impl Serialize for Mask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self, WORDS.iter().find(|(_, mask)| mask == self)) {
            (_, Some((word, _))) => serializer.serialize_str(word),
            (Self::Keep { first, last }, None) => {
                Kept { keep_first: *first, keep_last: *last }.serialize(serializer)
            }
            (_, None) => Err(serde::ser::Error::custom("a mask without a word")),
        }
    }
}

pub(super) fn mask_schema(_: &mut SchemaGenerator) -> Schema {
    let count = json_schema!({"type": "integer", "minimum": 0});
    json_schema!({
        "type": ["array", "object", "string"],
        "items": {"type": "string"},
        "additionalProperties": {"anyOf": [
            {"type": "string", "enum": WORDS.map(|(word, _)| word)},
            {
                "type": "object",
                "properties": {"keep_first": count, "keep_last": count},
                "additionalProperties": false,
            },
        ]},
        "format": "a list of columns, or a map from column to redact, hash, hash-unkeyed, email or \
                   {keep_first: 1, keep_last: 4}",
    })
}

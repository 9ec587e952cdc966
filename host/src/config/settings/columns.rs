//! The rules for a table's columns.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{AddedColumn, Mask, added::added_schema, mask::mask_schema};
use crate::config::values::{Names, names_or_map};
use crate::model::ColumnType;

/// Which columns are moved, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Only these columns are moved; empty means all. Keys are always moved.
    pub include: Names,
    /// These columns are not moved; not together with `include`.
    pub exclude: Names,
    /// Columns whose values must not reach the destination: a list (each `redact`), or a map from
    /// column to what replaces its values. `redact` is NULL; `hash` a hash by the `hash_key`, so that
    /// equal values stay equal; `hash-unkeyed` a plain SHA-256, which whoever guesses a value can
    /// check; `{keep_first: 1, keep_last: 4}` keeps so many characters; `email` keeps what follows the
    /// last `@`. All but `redact` make the column text.
    #[serde(deserialize_with = "names_or_map")]
    #[schemars(schema_with = "mask_schema")]
    pub mask: BTreeMap<String, Mask>,
    /// A map from a column to its type at the destination. Values are the same ones in another type;
    /// one that the type does not have is a dead letter.
    #[schemars(schema_with = "types_schema")]
    pub types: BTreeMap<String, ColumnType>,
    /// A map from a column's name at the source to its name at the destination.
    pub rename: BTreeMap<String, String>,
    /// Columns that the destination has in addition: a map from name to a text, a number or a boolean
    /// for all rows, or to `{from: pipeline | schema | table | commit_time}`.
    #[schemars(schema_with = "added_schema")]
    pub add: BTreeMap<String, AddedColumn>,
}

impl Columns {
    /// These rules, and others where these say nothing of a column.
    pub(in crate::config) fn over(&self, base: &Self) -> Self {
        let mut all = base.clone();
        if !self.include.is_empty() {
            all.include.clone_from(&self.include);
        }
        all.exclude = self.exclude.iter().chain(base.exclude.iter()).collect();
        all.mask.extend(self.mask.clone());
        all.types.extend(self.types.clone());
        all.rename.extend(self.rename.clone());
        all.add.extend(self.add.clone());
        all
    }

    /// The columns of the source that the rules name, with the key of the configuration that names each.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { include, exclude, mask, types, rename, add: _ } = self;
        let included = include.iter().map(|name| ("include", name));
        let excluded = exclude.iter().map(|name| ("exclude", name));
        let masked = mask.keys().map(|name| ("mask", name.as_str()));
        let typed = types.keys().map(|name| ("types", name.as_str()));
        let renamed = rename.keys().map(|name| ("rename", name.as_str()));
        included.chain(excluded).chain(masked).chain(typed).chain(renamed)
    }
}

pub(super) fn types_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {"type": "string", "format": ColumnType::WORDS},
    })
}

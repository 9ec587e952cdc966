//! Columns that the destination has and the source has not.

use std::fmt;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Where the values of an added column come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AddedColumn {
    /// This text, in every row.
    Text(String),
    /// This number: `bigint` where it is whole, else `double`.
    Number(Number),
    /// This boolean.
    Boolean(bool),
    /// Something that is known of each row.
    From {
        /// What.
        from: RowFact,
    },
}

/// What is known of a row beside its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFact {
    /// The pipeline's name.
    Pipeline,
    /// The schema's name at the source.
    Schema,
    /// The table's name at the source.
    Table,
    /// When the source committed the change; NULL where it does not say, as in a copy.
    CommitTime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    from: RowFact,
}

impl<'de> Deserialize<'de> for AddedColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AddedVisitor)
    }
}

struct AddedVisitor;

impl<'de> Visitor<'de> for AddedVisitor {
    type Value = AddedColumn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, a boolean or a map with `from`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AddedColumn, E> {
        Ok(AddedColumn::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AddedColumn, E> {
        Ok(AddedColumn::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<AddedColumn, E> {
        Ok(AddedColumn::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<AddedColumn, E> {
        let whole = i64::try_from(value).map_err(|_| E::custom("the number is no bigint"))?;
        Ok(AddedColumn::Number(whole.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<AddedColumn, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("the number is none"))?;
        Ok(AddedColumn::Number(number))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<AddedColumn, A::Error> {
        let From { from } = From::deserialize(MapAccessDeserializer::new(entries))?;
        Ok(AddedColumn::From { from })
    }
}

pub(super) fn added_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": ["string", "number", "boolean", "object"],
            "properties": {
                "from": {"type": "string", "enum": ["pipeline", "schema", "table", "commit_time"]},
            },
            "additionalProperties": false,
            "format": "a text, a number, true or false, or {from: pipeline | schema | table | commit_time}",
        },
    })
}

//! A list of names, written as a YAML list or as one text `a,b`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Names in the order they were written, without empty ones. Spaces around a name are dropped in a text, and
/// belong to it in a list.
///
/// ```
/// use cartridge_warp::config::Names;
/// assert_eq!(Names::from("id, email").as_slice(), ["id", "email"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Names(Vec<String>);

impl Names {
    /// The names, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` is one of them, to the letter.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl From<&str> for Names {
    fn from(text: &str) -> Self {
        text.split(',').map(str::trim).collect()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let names = names.into_iter().map(|name| name.as_ref().to_owned());
        Self(names.filter(|name| !name.is_empty()).collect())
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, or one text like \"a,b\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Names, E> {
        Ok(Names::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Names, A::Error> {
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = items.next_element()? {
            names.push(name);
        }
        Ok(names.into_iter().collect())
    }
}

impl JsonSchema for Names {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["array", "string"],
            "items": {"type": "string"},
            "format": "a list, or one text like \"a,b\"",
        })
    }
}

/// Reads names that may each carry a value: a map, or just the names with `T`'s default.
pub(in crate::config) fn names_or_map<'de, T, D>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    struct NamesOrMap<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for NamesOrMap<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of names, or a map from name to value")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            NamesVisitor.visit_str(text).map(with_defaults)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
            NamesVisitor.visit_seq(items).map(with_defaults)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((name, value)) = entries.next_entry()? {
                map.insert(name, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_any(NamesOrMap(std::marker::PhantomData))
}

fn with_defaults<T: Default>(names: Names) -> BTreeMap<String, T> {
    names.0.into_iter().map(|name| (name, T::default())).collect()
}

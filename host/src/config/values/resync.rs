//! Which tables are copied anew: none, all, or those of a list.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Names;

/// `true`, `false`, or names as a list or as one text `a,b`.
///
/// ```
/// use cartridge_warp::config::{Names, Resync};
/// let some = Resync::Tables(Names::from("orders, customers"));
/// assert!(some.includes("orders") && !some.includes("items"));
/// assert!(Resync::All.includes("items"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resync {
    /// What was copied stays, and the stream goes on.
    #[default]
    None,
    /// Stored positions are forgotten and every table is copied again.
    All,
    /// These tables are emptied and copied again, the others go on.
    Tables(Names),
}

impl Resync {
    /// Whether a table is copied anew.
    #[must_use]
    pub fn includes(&self, table: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Tables(names) => names.contains(table),
        }
    }

    /// The tables that are named, one by one.
    #[must_use]
    pub fn named(&self) -> &[String] {
        match self {
            Self::Tables(names) => names.as_slice(),
            Self::None | Self::All => &[],
        }
    }
}

impl From<Names> for Resync {
    /// No names are no tables.
    fn from(names: Names) -> Self {
        if names.is_empty() { Self::None } else { Self::Tables(names) }
    }
}

impl Serialize for Resync {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_bool(false),
            Self::All => serializer.serialize_bool(true),
            Self::Tables(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Resync {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ResyncVisitor)
    }
}

struct ResyncVisitor;

impl<'de> Visitor<'de> for ResyncVisitor {
    type Value = Resync;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or a list of tables")
    }

    fn visit_bool<E: Error>(self, all: bool) -> Result<Resync, E> {
        Ok(if all { Resync::All } else { Resync::None })
    }

    /// Environment and command line have only text. A table of one of these names is written in a
    /// list.
    fn visit_str<E: Error>(self, text: &str) -> Result<Resync, E> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(Resync::All),
            "false" => Ok(Resync::None),
            _ => Ok(Names::from(text).into()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Resync, A::Error> {
        let mut names: Vec<String> = Vec::new();
        while let Some(name) = items.next_element()? {
            names.push(name);
        }
        Ok(names.into_iter().collect::<Names>().into())
    }
}

impl JsonSchema for Resync {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Resync".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["boolean", "array", "string"],
            "items": {"type": "string"},
            "format": "true, false, or tables as a list or as one text like \"a,b\"",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_way_of_writing_it_is_understood() {
        let some = Resync::Tables(["orders", "customers"].into_iter().collect());
        for (written, meant, shown) in [
            (json!(true), Resync::All, json!(true)),
            (json!("TRUE"), Resync::All, json!(true)),
            (json!("false"), Resync::None, json!(false)),
            (json!(""), Resync::None, json!(false)),
            (json!([]), Resync::None, json!(false)),
            (json!("orders, customers"), some.clone(), json!(["orders", "customers"])),
            (json!(["orders", "customers"]), some, json!(["orders", "customers"])),
            (json!(["true"]), Resync::Tables(Names::from("true")), json!(["true"])),
        ] {
            let read: Resync = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(read, meant, "{written}");
            assert_eq!(serde_json::to_value(&read).unwrap(), shown, "{written}");
        }
        for wrong in [json!(1), json!({"orders": true}), json!([1])] {
            assert!(serde_json::from_value::<Resync>(wrong.clone()).is_err(), "{wrong}");
        }
        assert_eq!(serde_json::to_value(Resync::default()).unwrap(), Value::Bool(false));
    }
}

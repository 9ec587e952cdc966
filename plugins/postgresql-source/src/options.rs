//! The connector's options, as the operator writes them.

use std::collections::BTreeSet;
use std::time::Duration;

use cartridge_warp_sdk::Failure;
use postgresql_client::names;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::hash::fnv64;

/// What all names begin with that nobody chose.
pub const PREFIX: &str = "cartridge_warp_";
/// What a slot's name may consist of, besides digits.
const SLOT_LETTERS: &str = "abcdefghijklmnopqrstuvwxyz_";

/// Options of the `postgresql` source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The publication that lists the tables; by default `cartridge_warp_` with the pipeline's `name`, if
    /// it has one, and the schema's.
    pub publication: Option<String>,
    /// The replication slot, one for each pipeline and schema; by default `cartridge_warp_` with the
    /// pipeline's `name`, or else the database's, and the schema's. Two pipelines must not share one.
    pub slot: Option<String>,
    /// Whether the publication is made where it is missing, and selected tables are added to it.
    pub create_publication: bool,
    /// Whether the slot is made where it is missing.
    pub create_slot: bool,
    /// Types whose columns travel as text, with every value they can hold: of `numeric`, `date`,
    /// `time`, `timestamp`, `timestamptz`. Typed columns cannot hold infinities and NaN; such rows
    /// are dead letters.
    pub text_types: BTreeSet<TextType>,
    /// Messages after which one read of the log ends, at the next commit. More is faster while
    /// catching up and takes more temporary space on the server.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub read_messages: u32,
    /// How changes are read. `auto`: over SQL while there is much to catch up with, by streaming
    /// once the log's end is near. The other two always read in one way: `sql` never occupies a
    /// sender of the server, `streaming` never makes it decode its log twice.
    pub read_by: ReadBy,
    /// What follows when a partition comes with rows, goes or is emptied, of which the log says nothing.
    pub partition_changes: PartitionChanges,
    /// How often the schema is looked through for new tables and for partitions, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub table_check_seconds: u64,
    /// The name that the operator gave the pipeline.
    #[serde(skip)]
    pub pipeline: Option<String>,
}

/// A way of reading the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadBy {
    /// Whichever is better at the moment.
    #[default]
    Auto,
    /// In batches, by a function of the server.
    Sql,
    /// By the replication protocol: the server pushes.
    Streaming,
}

/// What follows from partitions that came with rows or went with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartitionChanges {
    /// The partitioned table is copied again.
    #[default]
    Copy,
    /// A warning: what is at the destination stays.
    Warn,
}

/// A type that may travel as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TextType {
    /// `numeric` with a declared precision; without one it always travels as text.
    Numeric,
    /// `date`.
    Date,
    /// `time`.
    Time,
    /// `timestamp`.
    Timestamp,
    /// `timestamptz`.
    Timestamptz,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            publication: None,
            slot: None,
            create_publication: true,
            create_slot: true,
            text_types: BTreeSet::new(),
            read_messages: 100_000,
            read_by: ReadBy::Auto,
            partition_changes: PartitionChanges::Copy,
            table_check_seconds: 30,
            pipeline: None,
        }
    }
}

impl Options {
    /// Refuses what the JSON Schema cannot express.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(publication) = &self.publication {
            names::check("`options.publication`", publication)?;
        }
        let Some(slot) = &self.slot else { return Ok(()) };
        if slot.is_empty() || slot.len() > names::NAME_BYTES_MAX || !slot.chars().all(is_slot_char)
        {
            return Err(Failure::config(
                "invalid-options",
                format!(
                    "`options.slot` is {slot:?}; a slot's name has 1 to {} lower-case letters, \
                     digits and underscores",
                    names::NAME_BYTES_MAX
                ),
            ));
        }
        Ok(())
    }

    /// The publication of a schema.
    pub fn publication(&self, schema: &str) -> String {
        let derived = || match &self.pipeline {
            Some(pipeline) => derived(pipeline, schema),
            None => shortened(format!("{PREFIX}{schema}"), schema),
        };
        self.publication.clone().unwrap_or_else(derived)
    }

    /// The slot of a schema.
    pub fn slot(&self, database: &str, schema: &str) -> String {
        let whose = self.pipeline.as_deref().unwrap_or(database);
        self.slot.clone().unwrap_or_else(|| derived(whose, schema))
    }

    /// Between two looks for new tables.
    pub fn table_check(&self) -> Duration {
        Duration::from_secs(self.table_check_seconds)
    }
}

fn is_slot_char(character: char) -> bool {
    character.is_ascii_digit() || SLOT_LETTERS.contains(character)
}

/// A readable name; where characters had to be replaced, a hash keeps different names different.
fn derived(whose: &str, schema: &str) -> String {
    let wanted = format!("{PREFIX}{whose}_{schema}");
    let valid: String =
        wanted.chars().map(|letter| if is_slot_char(letter) { letter } else { '_' }).collect();
    let whole = format!("{whose}\0{schema}");
    if valid == wanted { shortened(valid, &whole) } else { hashed(&valid, &whole) }
}

/// Cuts a name that the server would cut, and tells it apart by a hash.
fn shortened(name: String, whole: &str) -> String {
    if name.len() <= names::NAME_BYTES_MAX { name } else { hashed(&name, whole) }
}

fn hashed(name: &str, whole: &str) -> String {
    let hash = fnv64(whole.as_bytes());
    let end = name.floor_char_boundary(names::NAME_BYTES_MAX - 17);
    format!("{}_{hash:016x}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_names_are_valid_and_distinct() {
        let options = Options::default();
        assert_eq!(options.slot("shop", "public"), "cartridge_warp_shop_public");
        assert_eq!(options.publication("public"), "cartridge_warp_public");
        let long = "x".repeat(63);
        let names = [
            options.slot("Shop", "public"),
            options.slot("shop", "Public"),
            options.slot("shop-a", "b"),
            options.slot("shop", "a_b"),
            options.slot(&long, "a"),
            options.slot(&long, "b"),
            options.slot("größe", "a"),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(name.len() <= 63 && name.chars().all(is_slot_char), "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
        assert!(options.publication(&"ü".repeat(31)).len() <= 63);
        let named = |name: &str| Options { pipeline: Some(name.to_owned()), ..Options::default() };
        let orders = named("orders");
        assert_eq!(orders.slot("shop", "public"), "cartridge_warp_orders_public");
        assert_eq!(orders.publication("public"), "cartridge_warp_orders_public");
        let [one, other] = [named("Orders EU"), named("orders-eu")];
        assert_ne!(one.publication("public"), other.publication("public"));
        assert_ne!(one.slot("shop", "public"), other.slot("shop", "public"));
    }

    #[test]
    fn what_the_schema_cannot_express_is_refused() {
        for json in [
            r#"{"slot": "Upper"}"#,
            r#"{"slot": ""}"#,
            r#"{"slot": "a-b"}"#,
            r#"{"publication": ""}"#,
        ] {
            let options: Options = serde_json::from_str(json).unwrap();
            assert_eq!(options.check().unwrap_err().action.as_str(), "config", "{json}");
        }
        for json in [
            r#"{"slots": "a"}"#,
            r#"{"read_by": "both"}"#,
            r#"{"text_types": ["int4"]}"#,
            r#"{"partition_changes": "ignore"}"#,
        ] {
            assert!(serde_json::from_str::<Options>(json).is_err(), "{json}");
        }
    }
}

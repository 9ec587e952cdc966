//! What happens when a table's shape changes at the source.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::yes;
use crate::config::values::{Interval, Patterns};

/// Which changes of shape the destination follows.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SchemaEvolution {
    /// Whether the destination follows at all; `false` stops a table whose shape changed.
    pub enabled: bool,
    /// How far it follows by itself: `strict` not at all, `aggressive` wherever possible. What waits for a
    /// person parks its table: `schema list`, `schema approve`, `schema reject`.
    pub strategy: EvolutionStrategy,
    /// How often to look for changes where the source does not announce them.
    pub detection_interval_seconds: Option<Interval>,
    /// Makes a column wider in place, such as integer to bigint.
    pub enable_type_widening: bool,
    /// Makes a column narrower in place, which may lose data.
    pub enable_type_narrowing: Option<bool>,
    /// Turns a column of nested objects into JSON.
    pub enable_object_to_json: bool,
    /// Turns a column no other type holds into text.
    pub enable_fallback_to_varchar: bool,
    /// Waits for a person before a change that alters how values read, such as a number that becomes text.
    pub require_approval_for_risky_changes: bool,
    /// Waits for a person before it drops a column or a table.
    pub require_approval_for_dangerous_changes: bool,
    /// The share of rows a change may lose.
    pub max_data_loss_percentage: Option<f64>,
    /// How long one change may take.
    pub migration_timeout_seconds: Option<Interval>,
    /// When the rules of a table (`columns`, `write_mode`, how deletes are kept) are others than those by
    /// which its rows were copied: `copy` empties it and copies it again by the new ones, `refuse` stops
    /// the schema until a person decides. A log (`write_mode: append`) is never emptied unasked.
    pub on_rules_change: OnRulesChange,
    /// Tables whose shape stays as it is at the destination; globs.
    pub excluded_tables: Patterns,
    /// Columns whose shape stays as it is at the destination; globs.
    pub excluded_columns: Patterns,
    /// Rules of single tables, by name (`orders`, or `shop.orders` where several schemas have one). What is
    /// set there wins over what holds for all, in both directions.
    pub table_configs: BTreeMap<String, TableEvolution>,
}

/// How far the destination follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum EvolutionStrategy {
    /// No change without approval.
    Strict,
    /// Changes that lose nothing.
    #[default]
    Conservative,
    /// Changes that may lose precision, too.
    Permissive,
    /// Every change that is possible.
    Aggressive,
}

/// What happens to a table whose rows were copied by other rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum OnRulesChange {
    /// It is emptied and copied again.
    #[default]
    Copy,
    /// The schema stops.
    Refuse,
}

/// Which changes of one table's shape the destination follows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TableEvolution {
    /// Whether the destination follows this table at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How far; without it, the global `strategy`.
    #[serde(default)]
    pub strategy: Option<EvolutionStrategy>,
    /// Takes new columns over; `false` leaves them out.
    #[serde(default = "yes")]
    pub allow_column_additions: bool,
    /// Drops columns that the source drops, which loses their data, whatever the strategy.
    #[serde(default)]
    pub allow_column_removals: bool,
    /// Follows changed types; `false` refuses what the column does not hold.
    #[serde(default = "yes")]
    pub allow_type_changes: bool,
    /// Columns that are left out when they are new; globs.
    #[serde(default)]
    pub excluded_columns: Patterns,
    /// Waits for a person before any change.
    #[serde(default)]
    pub require_approval: bool,
}

impl SchemaEvolution {
    /// What `table_configs` has for a table.
    #[must_use]
    pub fn of_table(&self, schema: &str, table: &str) -> Option<&TableEvolution> {
        let qualified = self.table_configs.get(&format!("{schema}.{table}"));
        qualified.or_else(|| self.table_configs.get(table))
    }
}

impl Default for SchemaEvolution {
    fn default() -> Self {
        Self {
            enabled: true,
            strategy: EvolutionStrategy::default(),
            detection_interval_seconds: None,
            enable_type_widening: true,
            enable_type_narrowing: None,
            enable_object_to_json: true,
            enable_fallback_to_varchar: true,
            require_approval_for_risky_changes: true,
            require_approval_for_dangerous_changes: true,
            max_data_loss_percentage: None,
            migration_timeout_seconds: None,
            on_rules_change: OnRulesChange::default(),
            excluded_tables: Patterns::default(),
            excluded_columns: Patterns::default(),
            table_configs: BTreeMap::new(),
        }
    }
}

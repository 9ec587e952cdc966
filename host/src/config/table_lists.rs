//! The lists that select a schema's tables, apart from the configuration, so that they can be kept.

use serde::{Deserialize, Serialize};

use super::{Patterns, SchemaConfig, WarpConfig};

/// The lists of one schema and those of all, under their keys' names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableLists {
    global_table_whitelist: Patterns,
    global_table_blacklist: Patterns,
    table_whitelist: Patterns,
    table_blacklist: Patterns,
}

impl TableLists {
    /// Whether they select a table, by the rules of [`WarpConfig::selects_table`].
    #[must_use]
    pub fn selects(&self, table: &str) -> bool {
        allow(&self.global_table_whitelist, &self.global_table_blacklist, table)
            && allow(&self.table_whitelist, &self.table_blacklist, table)
    }
}

impl WarpConfig {
    /// Whether a table is moved: the global lists and its schema's must both allow it. Where a
    /// level has a whitelist, only that counts.
    #[must_use]
    pub fn selects_table(&self, schema: &str, table: &str) -> bool {
        let Some(schema) = self.schema(schema) else { return false };
        allow(&self.global_table_whitelist, &self.global_table_blacklist, table)
            && allow(&schema.table_whitelist, &schema.table_blacklist, table)
    }

    /// The lists that hold for a schema.
    #[must_use]
    pub fn table_lists(&self, schema: &SchemaConfig) -> TableLists {
        TableLists {
            global_table_whitelist: self.global_table_whitelist.clone(),
            global_table_blacklist: self.global_table_blacklist.clone(),
            table_whitelist: schema.table_whitelist.clone(),
            table_blacklist: schema.table_blacklist.clone(),
        }
    }
}

fn allow(whitelist: &Patterns, blacklist: &Patterns, table: &str) -> bool {
    if whitelist.is_empty() { !blacklist.matches(table) } else { whitelist.matches(table) }
}

//! Checks of the globs among `tables`: the first that says something wins, so one that stands behind `*`
//! may say it in vain.

use serde_json::Value;

use super::Findings;
use crate::config::{SchemaConfig, TableConfig};

pub(super) fn check(at: &str, schema: &SchemaConfig, findings: &mut Findings<'_>) {
    let globs = schema.tables.iter().enumerate().filter(|(_, table)| table.name.is_pattern());
    let mut all: Vec<(usize, Value)> = Vec::new();
    for (position, glob) in globs {
        let said = values(glob);
        for key in said.as_object().into_iter().flat_map(|said| said.keys()) {
            let Some((first, _)) = all.iter().find(|(_, other)| other.get(key).is_some()) else {
                continue;
            };
            let message = format!(
                "never holds: `{at}.tables.{first}` is `*`, says another one, and stands before it"
            );
            let help = "put the entry `*` behind the others";
            findings.conflict(&format!("{at}.tables.{position}.{key}"), &message, help);
        }
        if glob.name.as_str() == "*" {
            all.push((position, said));
        }
    }
}

/// The keys that an entry sets and that one entry alone can give. Rules for columns hold together.
fn values(table: &TableConfig) -> Value {
    let mut values = serde_json::to_value(table).unwrap_or_default();
    if let Some(keys) = values.as_object_mut() {
        keys.retain(|key, value| !value.is_null() && !["name", "columns"].contains(&key.as_str()));
    }
    values
}

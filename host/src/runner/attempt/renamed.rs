//! Refuses names of the configuration that belong to tables which their source calls otherwise by now: what
//! the configuration says of a table would not hold for it any more, and nobody would have said so.

use super::named::{EVOLUTION, without};
use crate::{
    model::TableShape,
    plugin::DestinationConnection,
    runner::{context::SchemaContext, error::RunError, findings::Findings, shapes::name_of_now},
};

/// The keys that have rules for single tables; the others list names.
const RULES: [&str; 2] = ["tables", EVOLUTION];

/// Looks for the tables that rules and whitelists name among those that the source lists.
pub async fn check_names(
    context: &SchemaContext,
    destination: &DestinationConnection,
    listed: &[TableShape],
    findings: &mut Findings,
) -> Result<(), RunError> {
    let named = named(context);
    for (key, name) in &named {
        let now = name_of_now(destination, context.name(), name, listed).await?;
        // Of one that is named, too, the operator knows.
        let Some(now) = now.filter(|now| named.iter().all(|(_, known)| known != now)) else {
            continue;
        };
        let is_taken = listed.iter().any(|shape| shape.name == *name);
        let help = match is_taken {
            true if RULES.contains(key) && context.selects(&now) => format!(
                "another table is called `{name}` by now: say in `{key}` what holds for `{now}`, or leave \
                 it out (`table_blacklist`)"
            ),
            true => continue,
            false => format!(
                "write `{now}` instead (or take `{name}` out, and `{now}` is a table like any other): it \
                 is copied under its new name, and the destination keeps `{name}` as it was"
            ),
        };
        let what =
            format!("`{key}` names `{name}`, and the source calls this table `{now}` by now");
        findings.add(RunError::Unusable { what, help })?;
    }
    Ok(())
}

/// The names, each with the key that has it. A pattern is the name of no table.
fn named(context: &SchemaContext) -> Vec<(&'static str, &str)> {
    let rules = context.schema.tables.iter().map(|table| (RULES[0], table.name.as_str()));
    let evolution = context.config.schema_evolution.table_configs.keys();
    let own = |name| without(name, context.name()).unwrap_or(name);
    let evolution = evolution.map(|name| (EVOLUTION, own(name.as_str())));
    let list = context.schema.table_whitelist.iter().map(|name| ("table_whitelist", name));
    let global = context.config.global_table_whitelist.iter();
    rules
        .chain(evolution)
        .chain(list)
        .chain(global.map(|name| ("global_table_whitelist", name)))
        .collect()
}

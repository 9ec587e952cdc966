//! Names of the configuration that nothing has: what is said of a table would not hold for the one that was
//! meant, and nobody would have said so.
//!
//! A table that has rules of its own under its name is refused. Lists and globs may be for tables and columns
//! that come later, so they cost a line of the log.

use std::collections::BTreeSet;

use crate::{
    config::{Patterns, TableConfig},
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        names::{likely, listed},
        state::shape_stream,
        table::Tables,
    },
};

/// The key of rules for changes of single tables.
pub const EVOLUTION: &str = "schema_evolution.table_configs";

/// Looks for the tables that have rules of their own among those that the source `lists`; the destination
/// may know some that are gone.
pub async fn check_rules(
    context: &SchemaContext,
    destination: Option<&DestinationConnection>,
    lists: &BTreeSet<String>,
    findings: &mut Findings,
) -> Result<(), RunError> {
    let known: Vec<&str> = lists.iter().map(String::as_str).collect();
    for table in context.schema.tables.iter().filter(|table| !table.name.is_pattern()) {
        let name = table.name.as_str();
        if !is_there(context, destination, lists, name).await? {
            findings.add(nobody(context, "tables", name, &known))?;
        }
    }
    for name in context.config.schema_evolution.table_configs.keys() {
        let mut has = is_there(context, destination, lists, name).await?;
        if let Some(own) = without(name, context.name()) {
            has |= is_there(context, destination, lists, own).await?;
        }
        if is_nowhere(context, EVOLUTION, name, has) {
            let meant = without(name, context.name()).unwrap_or(name);
            findings.add(nobody(context, EVOLUTION, meant, &known))?;
        }
    }
    Ok(())
}

/// A table that a key of the configuration names and that is not copied is a typing mistake.
pub fn check_copied(
    context: &SchemaContext,
    named: &[String],
    tables: &Tables,
    key: &str,
) -> Result<(), RunError> {
    let Some(missing) = named.iter().find(|name| !tables.contains_key(name.as_str())) else {
        return Ok(());
    };
    let copied: Vec<&str> = tables.keys().map(String::as_str).collect();
    Err(nobody(context, key, missing, &copied))
}

/// Says which names and globs of lists match no table, and which columns a glob is for that no table has.
pub fn tell_unused(context: &SchemaContext, lists: &BTreeSet<String>, tables: &Tables) {
    let known: Vec<&str> = lists.iter().map(String::as_str).collect();
    for (key, patterns) in patterns(context) {
        for pattern in patterns.iter() {
            let has = Patterns::new([pattern])
                .is_ok_and(|it| known.iter().any(|table| it.matches(table)));
            let is_unused = match key.starts_with("table_") {
                true => !has,
                false => is_nowhere(context, key, pattern, has),
            };
            if is_unused {
                let help = likely(pattern, &known);
                tracing::warn!(
                    help,
                    "`{key}` has `{pattern}`, which no table of the source matches"
                );
            }
        }
    }
    for entry in context.schema.tables.iter().filter(|entry| entry.name.is_pattern()) {
        tell_unused_glob(entry, tables);
    }
}

fn tell_unused_glob(entry: &TableConfig, tables: &Tables) {
    let name = entry.name.as_str();
    let matching = || tables.values().filter(|table| entry.name.matches(&table.source.name));
    if matching().next().is_none() {
        tracing::warn!(
            "`tables` has an entry `{name}` that matches no table which is copied so far"
        );
        return;
    }
    for (rule, column) in entry.columns.named() {
        let has = |schema: &arrow_schema::Schema| schema.field_with_name(column).is_ok();
        if !matching().any(|table| has(&table.source.schema)) {
            tracing::warn!(
                column,
                "`columns.{rule}` of the entry `{name}` names a column that none of its tables has"
            );
        }
    }
}

/// The lists that choose tables, each with its key. Those of the schema begin with `table_`.
fn patterns(context: &SchemaContext) -> [(&'static str, &Patterns); 5] {
    let (all, own) = (&context.config, &context.schema);
    [
        ("table_whitelist", &own.table_whitelist),
        ("table_blacklist", &own.table_blacklist),
        ("global_table_whitelist", &all.global_table_whitelist),
        ("global_table_blacklist", &all.global_table_blacklist),
        ("schema_evolution.excluded_tables", &all.schema_evolution.excluded_tables),
    ]
}

/// Whether no schema has a table of this name, which a key for all schemas names.
fn is_nowhere(context: &SchemaContext, key: &'static str, name: &str, has: bool) -> bool {
    let schemas = || context.config.schemas.iter().map(|schema| schema.name.as_str());
    let is_qualified = schemas().any(|schema| without(name, schema).is_some());
    let may_have = |schema: &&str| !is_qualified || without(name, schema).is_some();
    context.sought.is_nowhere((key, name), context.name(), has, schemas().filter(may_have))
}

/// A table's name without that of its schema; none where it does not begin with it.
pub fn without<'n>(name: &'n str, schema: &str) -> Option<&'n str> {
    name.strip_prefix(schema)?.strip_prefix('.')
}

/// Whether there is such a table, or was. A destination that does not answer knows none.
async fn is_there(
    context: &SchemaContext,
    destination: Option<&DestinationConnection>,
    lists: &BTreeSet<String>,
    name: &str,
) -> Result<bool, RunError> {
    let Some(destination) = destination.filter(|_| !lists.contains(name)) else {
        return Ok(lists.contains(name));
    };
    Ok(destination.get_marker(context.name(), &shape_stream(name)).await?.is_some())
}

fn nobody(context: &SchemaContext, key: &str, name: &str, known: &[&str]) -> RunError {
    let likely = likely(name, known).map(|likely| format!("{likely} ")).unwrap_or_default();
    RunError::Unusable {
        what: format!(
            "`{key}` names `{name}`, and schema `{}` has no such table to copy",
            context.name()
        ),
        help: format!("{likely}it has {}", listed(known)),
    }
}

//! Notices that rows were copied by other rules than those of now.
//!
//! Without that, old rows would keep what a rule keeps away from new ones, in plain sight, or lack what a
//! rule lets through by now. So the table is emptied and copied again, as if the operator had named it.

use std::collections::BTreeSet;

use super::{
    evolve::is_excluded,
    stored::{Remembered, stored_shape},
};
use crate::{
    config::OnRulesChange,
    plugin::DestinationConnection,
    runner::{
        advice::full_resync,
        context::SchemaContext,
        error::RunError,
        names::listed,
        table::{Table, TableRules},
    },
};

/// Whether a table that has rows is to be copied again because they came by other rules.
pub async fn has_other_rules(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &Table,
) -> Result<bool, RunError> {
    let name = &table.source.name;
    let changes = other_rules(context, destination, table).await?;
    if changes.is_empty() {
        return Ok(false);
    }
    if context.config.dry_run {
        foretell(name, &changes);
    } else {
        tracing::warn!(
            table = name,
            changes = listed(&changes),
            "its rows were copied by other rules: the table is emptied and copied again"
        );
    }
    Ok(true)
}

/// What the rules of now make of a table's rows otherwise than those by which they came, in words; an error where
/// that is no reason to copy them again.
pub async fn other_rules(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &Table,
) -> Result<Vec<String>, RunError> {
    match stored_shape(destination, context.name(), &table.source.name).await? {
        Some(known) => changed_rules(context, table, &known),
        None => Ok(Vec::new()),
    }
}

/// Whether what the destination has of a table may stay until a new copy has replaced it: nothing of it came by
/// other rules, and each column that it has values of is one that the copy brings.
pub async fn may_stay(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &Table,
) -> Result<bool, RunError> {
    let known = stored_shape(destination, context.name(), &table.source.name).await?;
    Ok(known.is_some_and(|known| {
        let comes = |column: &str| table.source.schema.field_with_name(column).is_ok();
        // With all of its columns it has none that is called otherwise by now.
        let rules = TableRules::new(&table.settings, left_out(context, &known, &[]));
        known.shape.schema.fields().iter().all(|field| comes(field.name()))
            && known.rules.is_some_and(|known| known == rules)
    }))
}

/// Says what a run will do, where none is under way.
pub fn foretell(table: &str, changes: &[String]) {
    tracing::warn!(
        table,
        changes = listed(changes),
        "its rows were copied by other rules: a run empties the table and copies it again"
    );
}

/// What the rules of now make of the rows otherwise, in words; an error where that is no reason to copy
/// them again.
pub fn changed_rules(
    context: &SchemaContext,
    table: &Table,
    known: &Remembered,
) -> Result<Vec<String>, RunError> {
    let Some(before) = &known.rules else { return Ok(Vec::new()) };
    let renames = known.renames(&table.source);
    let now = TableRules::new(&table.settings, left_out(context, known, &renames));
    let changes = before.changes(&now, &known.shape, &renames);
    let refuses = context.config.schema_evolution.on_rules_change == OnRulesChange::Refuse;
    if changes.is_empty() || !before.is_log() && !refuses {
        return Ok(changes);
    }
    Err(refused(context, &known.shape.name, &changes, before.is_log()))
}

fn refused(context: &SchemaContext, table: &str, changes: &[String], is_log: bool) -> RunError {
    let (why, ways) = if is_log {
        (
            ", and its log cannot be told again",
            "rename the table at the destination first to keep it",
        )
    } else {
        ("", "`schema_evolution.on_rules_change: copy` does that by itself")
    };
    RunError::Unusable {
        what: format!(
            "table `{table}`: its rows were copied by other rules{why}: {}",
            listed(changes)
        ),
        help: format!(
            "go back to the old rules, or have it emptied and copied by the new ones with {} ({ways})",
            full_resync(context.name(), table)
        ),
    }
}

/// The columns that came later and that evolution still leaves out, and those that a person rejected; by the
/// names that they have after `renames`.
pub fn left_out(
    context: &SchemaContext,
    known: &Remembered,
    renames: &[(String, String)],
) -> BTreeSet<String> {
    let Remembered { shape, rules, decisions, .. } = known;
    let renamed = |column: &String| {
        let follow = |name: String, (old, new): &(String, String)| {
            if name == *old { new.clone() } else { name }
        };
        renames.iter().fold(column.clone(), follow)
    };
    let remembered = rules.iter().flat_map(TableRules::left_out).map(renamed);
    let excluded = remembered.filter(|column| is_excluded(context, &shape.name, column));
    excluded.chain(decisions.rejected_columns().map(renamed)).collect()
}

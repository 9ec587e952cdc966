//! Carries changes of shape over to the destination, by the operator's policy.

use super::stored::{Evolution, accept_shape};
use crate::{
    config::{EvolutionStrategy, WriteMode},
    model::{ChangeKind, Marker, SchemaChange},
    plugin::ChangeOutcome,
    runner::{
        commit::{Writer, check_columns},
        error::RunError,
        names::listed,
        state::{TableState, forget_chunks, marker, table_stream},
        table::Table,
    },
    schema::{Policy, Strategy, TypeStep, Verdict, decide, is_compatible, type_step},
};

/// Field metadata of a column whose addition may have filled rows that were there already.
const FILLED: &str = "warp:filled";

/// What changes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evolved {
    /// The destination keeps what it has.
    Kept,
    /// It has made some of them.
    Applied,
    /// The same, and the table is to be copied again, which its stored state says too.
    CopyAgain,
}

/// Applies changes of a known table, in order, then hands the destination the table's new plan.
pub async fn apply(
    writer: &Writer,
    table: &mut Table,
    changes: Vec<SchemaChange>,
) -> Result<Evolved, RunError> {
    let policy = policy(writer, table);
    let mut applied: Vec<String> = Vec::new();
    let mut compatible = true;
    let (mut rewritten, mut gone) = (false, false);
    for change in changes {
        if let Some(column) = excluded(writer, &change) {
            table.leave_out(column);
            check_columns(&writer.context, table)?;
            continue;
        }
        match decide(&change, &table.source, &policy) {
            Verdict::Keep => continue,
            Verdict::Refuse(reason) => return Err(refused(&change, reason)),
            Verdict::Apply => {}
        }
        let is_compatible = is_compatible(&change, &table.source, &policy);
        let rewrites = rewrites(writer, &change, table);
        let Some(ours) = table.accept(&change) else { continue };
        check_columns(&writer.context, table)?;
        apply_one(writer, &ours).await?;
        compatible &= is_compatible;
        rewritten |= rewrites;
        gone |= change.kind == ChangeKind::DropTable;
        applied.push(describe(&change.kind));
    }
    if applied.is_empty() {
        return Ok(Evolved::Kept);
    }
    if !gone {
        writer.create_table(table).await?;
    }
    let evolution = Evolution { what: listed(&applied), compatible };
    let again = if rewritten { copy_again(writer, table).await? } else { Vec::new() };
    accept_shape(writer, table, evolution, again).await?;
    Ok(if rewritten { Evolved::CopyAgain } else { Evolved::Applied })
}

/// Whether rows that are there already got values by the change of which the stream says nothing.
fn rewrites(writer: &Writer, change: &SchemaChange, table: &Table) -> bool {
    let silent = writer.context.source.plugin.info.has("silent-rewrites");
    if !silent || table.settings.write_mode == WriteMode::Append {
        return false;
    }
    let after = |column: &str| change.after.as_ref()?.schema.fields().find(column);
    match &change.kind {
        ChangeKind::AddColumn { column } => after(column)
            .is_some_and(|(_, field)| field.metadata().get(FILLED).is_some_and(|it| it == "true")),
        ChangeKind::ModifyColumn { column } => {
            let types = table.source.schema.fields().find(column).zip(after(column));
            types.is_some_and(|((_, old), (_, new))| type_step(old, new) != TypeStep::Same)
        }
        _ => false,
    }
}

/// What makes the next attempt empty the table and copy it again.
async fn copy_again(writer: &Writer, table: &Table) -> Result<Vec<Marker>, RunError> {
    let name = &table.source.name;
    let mut markers = forget_chunks(&writer.destination, writer.context.name(), name).await?;
    markers.push(marker(table_stream(name), &TableState::Again));
    if writer.context.source.log.admits("new shapes") {
        tracing::info!(table = name, "rows got new values: copying the table again");
    }
    Ok(markers)
}

async fn apply_one(writer: &Writer, change: &SchemaChange) -> Result<(), RunError> {
    let schema = writer.context.name();
    let changes = std::slice::from_ref(change);
    let outcomes = writer.destination.apply_schema_changes(schema, changes, writer.epoch).await?;
    for outcome in outcomes {
        if let ChangeOutcome::Refused { reason } = outcome {
            return Err(refused(change, reason));
        }
    }
    writer.context.metrics.table(&change.table).schema_change(&change.kind);
    if writer.context.source.log.admits("new shapes") {
        tracing::info!(table = change.table, change = %describe(&change.kind), "shape changed");
    }
    Ok(())
}

/// The column that an addition would bring although the operator excluded it.
fn excluded(writer: &Writer, change: &SchemaChange) -> Option<String> {
    let rules = &writer.context.config.schema_evolution;
    let ChangeKind::AddColumn { column } = &change.kind else { return None };
    let is_excluded =
        rules.excluded_tables.matches(&change.table) || rules.excluded_columns.matches(column);
    is_excluded.then(|| column.clone())
}

fn policy(writer: &Writer, table: &Table) -> Policy {
    let rules = &writer.context.config.schema_evolution;
    Policy {
        enabled: table.settings.enable_schema_evolution,
        strategy: match rules.strategy {
            EvolutionStrategy::Strict => Strategy::Strict,
            EvolutionStrategy::Conservative => Strategy::Conservative,
            EvolutionStrategy::Permissive => Strategy::Permissive,
            EvolutionStrategy::Aggressive => Strategy::Aggressive,
        },
        type_widening: rules.enable_type_widening,
        object_to_json: rules.enable_object_to_json,
        fallback_to_text: rules.enable_fallback_to_varchar,
        approve_risky: rules.require_approval_for_risky_changes,
        approve_dangerous: rules.require_approval_for_dangerous_changes,
    }
}

fn refused(change: &SchemaChange, reason: String) -> RunError {
    RunError::ChangeRefused { table: change.table.clone(), change: describe(&change.kind), reason }
}

fn describe(kind: &ChangeKind) -> String {
    match kind {
        ChangeKind::AddColumn { column }
        | ChangeKind::DropColumn { column }
        | ChangeKind::ModifyColumn { column } => format!("{} `{column}`", kind.word()),
        ChangeKind::RenameColumn { column, new_name } => {
            format!("{} `{column}` to `{new_name}`", kind.word())
        }
        ChangeKind::AddTable | ChangeKind::DropTable => kind.word().to_owned(),
    }
}

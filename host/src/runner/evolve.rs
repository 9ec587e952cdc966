//! Carries changes of shape over to the destination, by the operator's policy.

use arrow_schema::Field;

use super::{
    RunError,
    deliver::Writer,
    registry::{Evolution, accept_shape},
    state::{TableState, forgotten, marker, read, table_stream},
    table::Table,
};
use crate::{
    config::{EvolutionStrategy, WriteMode},
    model::{ChangeKind, Marker, SchemaChange},
    plugin::ChangeOutcome,
    schema::{Policy, Strategy, TypeStep, Verdict, decide, is_compatible, type_step},
};

/// Field metadata of a column whose addition may have filled rows that were there already.
const FILLED: &str = "warp:filled";

/// Applies changes of a known table, in order, then hands the destination the table's new plan.
/// True when the table is to be copied again, which its stored state then says too.
pub async fn apply(
    writer: &Writer,
    table: &mut Table,
    changes: Vec<SchemaChange>,
) -> Result<bool, RunError> {
    let policy = policy(writer, table);
    let mut applied: Vec<String> = Vec::new();
    let mut compatible = true;
    let mut rewritten = Rewritten::No;
    for change in changes {
        if let Some(column) = excluded(writer, &change) {
            table.leave_out(column);
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
        apply_one(writer, &ours).await?;
        compatible &= is_compatible;
        rewritten = rewritten.max(rewrites);
        applied.push(describe(&change.kind));
    }
    if !applied.is_empty() {
        writer.create_table(table).await?;
        let evolution = Evolution { what: applied.join(", "), compatible };
        let again = copy_again(writer, table, rewritten).await?;
        accept_shape(writer, table, evolution, again).await?;
    }
    Ok(rewritten != Rewritten::No)
}

/// Whether rows that are there already got values by a change of shape of which the stream says
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rewritten {
    No,
    Values,
    /// Rows have other keys now, so those at the destination have to go.
    Keys,
}

fn rewrites(writer: &Writer, change: &SchemaChange, table: &Table) -> Rewritten {
    let silent = writer.context.source.plugin.info.has("silent-rewrites");
    if !silent || table.settings.write_mode == WriteMode::Append {
        return Rewritten::No;
    }
    let after = |column: &str| change.after.as_ref()?.schema.fields().find(column);
    match &change.kind {
        ChangeKind::AddColumn { column } => {
            let is_filled =
                |field: &Field| field.metadata().get(FILLED).is_some_and(|it| it == "true");
            match after(column) {
                Some((_, field)) if is_filled(field) => Rewritten::Values,
                _ => Rewritten::No,
            }
        }
        ChangeKind::ModifyColumn { column } => {
            match table.source.schema.fields().find(column).zip(after(column)) {
                Some(((_, old), (_, new))) if type_step(old, new) == TypeStep::Same => {
                    Rewritten::No
                }
                _ if table.source.key.contains(column) => Rewritten::Keys,
                _ => Rewritten::Values,
            }
        }
        _ => Rewritten::No,
    }
}

/// What makes the next attempt copy the table again.
async fn copy_again(
    writer: &Writer,
    table: &Table,
    rewritten: Rewritten,
) -> Result<Vec<Marker>, RunError> {
    if rewritten == Rewritten::No {
        return Ok(Vec::new());
    }
    let (schema, name) = (writer.context.name(), &table.source.name);
    let stream = table_stream(name);
    let mut markers = Vec::new();
    if let Some(value) = writer.destination.get_marker(schema, &stream).await?
        && let TableState::Snapshot { chunks } = read(schema, &stream, &value)?
    {
        markers.extend(forgotten(name, chunks));
    }
    // Copied over what is there: the stream goes on from where it is, so no row is missed.
    let truncate = rewritten == Rewritten::Keys;
    markers.push(marker(stream, &TableState::Again { truncate }));
    tracing::info!(table = name, "rows got new values: copying the table again");
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
    tracing::info!(table = change.table, change = %describe(&change.kind), "shape changed");
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

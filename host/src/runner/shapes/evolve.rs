//! Carries changes of shape over to the destination, by the operator's policy.

use super::{
    first_value,
    replace::drop_keys,
    stored::{Evolution, accept_shape, shape_marker},
};
use crate::{
    config::{EvolutionStrategy, SchemaEvolution, TableEvolution, WriteMode},
    model::{ChangeKind, Marker, SchemaChange},
    plugin::ChangeOutcome,
    runner::{
        advice::full_resync,
        commit::{Writer, check_columns},
        context::SchemaContext,
        error::RunError,
        names::listed,
        state::{TableState, forget_chunks, marker, table_stream},
        table::{Subject, Table},
    },
    schema::{
        News, Policy, Strategy, TypeStep, Verdict, decide, decide_about_copy, identity,
        is_compatible, is_first_value, type_step,
    },
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

/// What became of the changes so far.
#[derive(Default)]
struct Progress {
    /// What the destination has made, in words.
    applied: Vec<String>,
    incompatible: bool,
    /// Rows have values that no change tells.
    rewritten: bool,
    /// The source says more of the same shape.
    learned: bool,
    gone: bool,
}

/// Applies changes of a known table, in order, then hands the destination the table's new plan.
pub async fn apply(writer: &Writer, table: &mut Table, news: News) -> Result<Evolved, RunError> {
    let policy = policy(&writer.context, table);
    if let Some(why) = news.unclear {
        return begin_again(writer, table, &policy, why).await;
    }
    let (mut progress, mut failed) = (Progress::default(), None);
    for change in news.changes {
        let before = (table.source.clone(), table.decisions.clone());
        if let Err(error) = apply_change(writer, table, &policy, change, &mut progress).await {
            (table.source, table.decisions) = before;
            failed = Some(error);
            break;
        }
    }
    // What was made before a change that fails is there, whatever becomes of that one.
    let remembered = remember(writer, table, progress).await;
    failed.map_or(remembered, Err)
}

/// Remembers what the destination has by now.
async fn remember(
    writer: &Writer,
    table: &mut Table,
    progress: Progress,
) -> Result<Evolved, RunError> {
    let Progress { applied, incompatible, rewritten, learned, gone } = progress;
    let again = match rewritten {
        true => copy_again(writer, table, "rows got new values").await?,
        false => Vec::new(),
    };
    if applied.is_empty() {
        let learned = if learned { Some(shape_marker(table)?) } else { None };
        let markers: Vec<Marker> = again.into_iter().chain(learned).collect();
        if !markers.is_empty() {
            writer.commit_markers(markers).await?;
        }
        return Ok(if rewritten { Evolved::CopyAgain } else { Evolved::Kept });
    }
    if !gone {
        writer.create_table(table).await?;
    }
    let evolution = Evolution { what: listed(&applied), compatible: !incompatible };
    accept_shape(writer, table, evolution, again).await?;
    Ok(if rewritten { Evolved::CopyAgain } else { Evolved::Applied })
}

async fn apply_change(
    writer: &Writer,
    table: &mut Table,
    policy: &Policy,
    change: SchemaChange,
    progress: &mut Progress,
) -> Result<(), RunError> {
    let is_silent = has_silent_values(&writer.context, &change, table);
    let rewrites = is_silent && may_empty(table);
    let judged = judge(&writer.context, table, policy, &change)?;
    if is_silent && !rewrites && judged != Judged::LeftOut {
        tell_unlogged(&writer.context, &change, table);
    }
    if judged != Judged::Apply {
        progress.rewritten |= rewrites && judged != Judged::LeftOut;
        progress.learned |= judged != Judged::Kept;
        return Ok(());
    }
    table.decisions.made(&Subject::of(&change));
    progress.rewritten |= rewrites;
    progress.incompatible |= !is_compatible(&change, &table.source, policy);
    let guess = table.guess(&change);
    let Some(ours) = table.accept(&change) else {
        // What is kept away is remembered: rules that let it through later are noticed by that.
        progress.learned = true;
        return Ok(());
    };
    check_columns(&writer.context, table)?;
    match apply_one(writer, &ours).await? {
        // The new copy makes the column as it is now.
        ChangeOutcome::Refused { .. } if rewrites || is_rename(&change) && may_empty(table) => {
            progress.rewritten = true;
            return Ok(());
        }
        ChangeOutcome::Refused { reason } => match guess {
            None => return Err(refused(&writer.context, &ours, reason)),
            // `apply` makes the table again.
            Some(guess) if first_value::drop_empty(writer, table, &guess).await? => {}
            Some(guess) => {
                first_value::keep_guess(writer, table, &guess, &reason);
                progress.learned = true;
                return Ok(());
            }
        },
        _ => {}
    }
    progress.gone |= change.kind == ChangeKind::DropTable;
    progress.applied.push(describe(&change.kind));
    Ok(())
}

/// What a change is to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The operator keeps the column away.
    LeftOut,
    /// The destination stays as it is, and the source said more of the same shape.
    Learned,
    /// The destination stays as it is.
    Kept,
    /// The destination is to follow.
    Apply,
}

/// Decides about a change by the operator's policy.
pub fn judge(
    context: &SchemaContext,
    table: &mut Table,
    policy: &Policy,
    change: &SchemaChange,
) -> Result<Judged, RunError> {
    table.check_where(change)?;
    if let Some(column) = excluded(context, table, change) {
        table.leave_out(column);
        check_columns(context, table)?;
    }
    if table.leaves_out(change) {
        table.accept(change);
        return Ok(Judged::LeftOut);
    }
    if table.learn(change) {
        return Ok(Judged::Learned);
    }
    match decide(change, &table.source, policy) {
        Verdict::Keep => return Ok(Judged::Kept),
        Verdict::Refuse(reason) => return Err(refused(context, change, reason.to_owned())),
        Verdict::Ask(reason) if !is_approved(context, table, &Subject::of(change), reason)? => {
            return Ok(Judged::Kept);
        }
        // The destination has a column of that name, whose rows are about to go.
        _ if may_empty(table)
            && table.is_taken(change)
            && has_silent_values(context, change, table) =>
        {
            return Ok(Judged::Kept);
        }
        Verdict::Apply | Verdict::Ask(_) => {}
    }
    table.check_change(change)?;
    Ok(Judged::Apply)
}

/// Whether a person let a change through; false where the table goes on without it.
fn is_approved(
    context: &SchemaContext,
    table: &Table,
    about: &Subject,
    reason: &str,
) -> Result<bool, RunError> {
    match table.decisions.about(about) {
        Some(decision) if decision.approved => Ok(true),
        Some(_) if about.can_be_rejected() => Ok(false),
        _ => Err(RunError::ChangeUnapproved {
            schema: context.name().to_owned(),
            table: table.source.name.clone(),
            change: about.to_string(),
            reason: reason.to_owned(),
        }),
    }
}

/// Whether a table may be copied again whose columns cannot be told apart from those that were known.
pub fn check_again(
    context: &SchemaContext,
    table: &Table,
    policy: &Policy,
    why: &str,
) -> Result<(), RunError> {
    let refused = |reason: &str| RunError::ChangeRefused {
        schema: context.name().to_owned(),
        table: table.source.name.clone(),
        change: why.to_owned(),
        reason: reason.to_owned(),
    };
    match decide_about_copy(policy) {
        Verdict::Refuse(reason) => return Err(refused(reason)),
        Verdict::Ask(reason) => {
            is_approved(context, table, &Subject::copy_again(), &format!("{why}: {reason}"))?;
        }
        Verdict::Apply | Verdict::Keep => {}
    }
    if !may_empty(table) {
        let flag = full_resync(context.name(), &table.source.name);
        return Err(refused(&format!(
            "what was appended so far cannot be told again: begin the log anew with {flag}, which empties it"
        )));
    }
    Ok(())
}

async fn begin_again(
    writer: &Writer,
    table: &Table,
    policy: &Policy,
    why: &str,
) -> Result<Evolved, RunError> {
    check_again(&writer.context, table, policy, why)?;
    let again = copy_again(writer, table, why).await?;
    writer.commit_markers(again).await?;
    Ok(Evolved::CopyAgain)
}

/// A log cannot be told again by its source.
fn may_empty(table: &Table) -> bool {
    table.settings.write_mode != WriteMode::Append
}

fn is_rename(change: &SchemaChange) -> bool {
    matches!(change.kind, ChangeKind::RenameColumn { .. })
}

/// Says that a log does not have what a change does to rows that are there: it is not emptied for that.
fn tell_unlogged(context: &SchemaContext, change: &SchemaChange, table: &Table) {
    let (name, change) = (&table.source.name, describe(&change.kind));
    if context.source.log.admits("new shapes") {
        let flag = full_resync(context.name(), name);
        tracing::warn!(
            table = name,
            change,
            "rows that are there may have got values of which the log has no word; {flag} begins it anew"
        );
    }
}

/// Whether rows that are there already have values after the change of which the stream says nothing.
fn has_silent_values(context: &SchemaContext, change: &SchemaChange, table: &Table) -> bool {
    let silent = context.source.plugin.info.has("silent-rewrites");
    let known = &table.source.schema;
    let before = |column: &str| known.field_with_name(column).ok();
    let after = |column: &str| change.after.as_ref()?.schema.field_with_name(column).ok();
    match &change.kind {
        ChangeKind::AddColumn { column } => after(column).is_some_and(|now| {
            let filled = now.metadata().get(FILLED).is_some_and(|it| it == "true");
            let took_a_name = before(column).is_some_and(|old| identity::is_another(old, now));
            silent && filled || identity::may_hold_values(known, now) || took_a_name
        }),
        ChangeKind::ModifyColumn { column } => {
            let types = before(column).zip(after(column));
            types.is_some_and(|(old, new)| {
                let by_type = || silent && type_step(old, new) != TypeStep::Same;
                let has_others = identity::has_other_values(old, new).unwrap_or_else(by_type);
                // No row has a value of a column that gets its first one.
                has_others && !is_first_value(old, new)
            })
        }
        ChangeKind::RenameColumn { new_name, .. } => before(new_name).is_some(),
        ChangeKind::DropColumn { .. } | ChangeKind::AddTable | ChangeKind::DropTable => false,
    }
}

/// What makes the next attempt empty the table and copy it again.
pub async fn copy_again(
    writer: &Writer,
    table: &Table,
    why: &str,
) -> Result<Vec<Marker>, RunError> {
    let name = &table.source.name;
    let (mut markers, keys) =
        forget_chunks(&writer.destination, writer.context.name(), name).await?;
    drop_keys(writer, keys).await?;
    markers.push(marker(table_stream(name), &TableState::Again));
    if writer.context.source.log.admits("new shapes") {
        tracing::info!(table = name, "{why}: copying the table again");
    }
    Ok(markers)
}

/// Has the destination make a change.
pub async fn apply_one(writer: &Writer, change: &SchemaChange) -> Result<ChangeOutcome, RunError> {
    let schema = writer.context.name();
    let changes = std::slice::from_ref(change);
    let made = writer.destination.apply_schema_changes(schema, changes, writer.epoch).await;
    let outcomes = made.map_err(|error| error.about(&change.table))?;
    let refusal = outcomes.into_iter().find(|it| matches!(it, ChangeOutcome::Refused { .. }));
    if let Some(refusal) = refusal {
        return Ok(refusal);
    }
    writer.context.metrics.table(&change.table).schema_change(&change.kind);
    if writer.context.source.log.admits("new shapes") {
        tracing::info!(table = change.table, change = %describe(&change.kind), "shape changed");
    }
    Ok(ChangeOutcome::Applied)
}

/// The column that an addition would bring although the operator excluded it, or a person rejected it.
pub fn excluded(context: &SchemaContext, table: &Table, change: &SchemaChange) -> Option<String> {
    let ChangeKind::AddColumn { column } = &change.kind else { return None };
    let is_rejected = table.decisions.rejected_columns().any(|rejected| rejected == column);
    (is_rejected || is_excluded(context, &change.table, column)).then(|| column.clone())
}

/// Whether the operator excluded a column, or its table, from evolution.
pub fn is_excluded(context: &SchemaContext, table: &str, column: &str) -> bool {
    let rules = &context.config.schema_evolution;
    let of_table = rules_of_table(context, table).is_some_and(|rules| {
        !rules.allow_column_additions || rules.excluded_columns.matches(column)
    });
    of_table || rules.excluded_tables.matches(table) || rules.excluded_columns.matches(column)
}

/// The rules that `table_configs` has for a table.
fn rules_of_table<'a>(context: &'a SchemaContext, table: &str) -> Option<&'a TableEvolution> {
    context.config.schema_evolution.of_table(context.name(), table)
}

/// The operator's policy for a table.
pub fn policy(context: &SchemaContext, table: &Table) -> Policy {
    let rules: &SchemaEvolution = &context.config.schema_evolution;
    let own = rules_of_table(context, &table.source.name);
    Policy {
        enabled: table.settings.enable_schema_evolution && own.is_none_or(|own| own.enabled),
        strategy: match own.and_then(|own| own.strategy).unwrap_or(rules.strategy) {
            EvolutionStrategy::Strict => Strategy::Strict,
            EvolutionStrategy::Conservative => Strategy::Conservative,
            EvolutionStrategy::Permissive => Strategy::Permissive,
            EvolutionStrategy::Aggressive => Strategy::Aggressive,
        },
        type_widening: rules.enable_type_widening,
        object_to_json: rules.enable_object_to_json,
        fallback_to_text: rules.enable_fallback_to_varchar,
        type_changes: own.is_none_or(|own| own.allow_type_changes),
        column_removals: own.map(|own| own.allow_column_removals),
        approve_risky: rules.require_approval_for_risky_changes,
        approve_dangerous: rules.require_approval_for_dangerous_changes,
        approve_all: own.is_some_and(|own| own.require_approval),
    }
}

fn refused(context: &SchemaContext, change: &SchemaChange, reason: String) -> RunError {
    let (schema, table) = (context.name().to_owned(), change.table.clone());
    RunError::ChangeRefused { schema, table, change: describe(&change.kind), reason }
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

//! What has become of a table's shape since it was accepted, and what the rules make of it.

use arrow_schema::Schema;

use super::{
    evolve::{excluded, policy},
    rules::left_out,
    stored::stored_shape,
};
use crate::{
    model::{ChangeKind, SchemaChange, TableShape},
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        table::{Decision, Decisions, Promises, Subject, Table},
    },
    schema::{Verdict, decide, decide_about_copy, type_words},
};

/// A change that the source made and the destination has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub about: Subject,
    /// The column's type so far.
    pub was: Option<String>,
    pub verdict: Verdict,
    /// What a person decided about it.
    pub decision: Option<Decision>,
}

impl Waiting {
    /// Whether nothing happens until a person decides.
    pub fn is_open(&self) -> bool {
        matches!(self.verdict, Verdict::Ask(_)) && self.decision.is_none()
    }
}

/// Why a column that a person rejected is not there, whatever the rules say by now.
const KEPT_AWAY: &str =
    "it was rejected, so it stays away, also from new copies of the table, until it is approved";

/// The changes of a table of the source, in order, and everything that is decided about it. None of one that
/// was never copied.
pub async fn waiting(
    context: &SchemaContext,
    destination: &DestinationConnection,
    shape: TableShape,
) -> Result<Option<(Vec<Waiting>, Decisions)>, RunError> {
    let Some(mut table) = accepted(context, destination, shape.clone()).await? else {
        return Ok(None);
    };
    let (decisions, now) = (table.decisions.clone(), shape);
    let (news, policy) = (table.compare_whole(&now.schema), policy(context, &table));
    if news.unclear.is_some() {
        let about = Subject::copy_again();
        let decision = decisions.about(&about).cloned();
        let verdict = decide_about_copy(&policy);
        return Ok(Some((vec![Waiting { about, was: None, verdict, decision }], decisions)));
    }
    let mut waiting = Vec::new();
    for change in news.changes {
        let is_shape = !table.leaves_out(&change) && !table.learn(&change);
        if is_shape && excluded(context, &table, &change).is_none() {
            let about = Subject::of(&change);
            waiting.push(Waiting {
                was: type_of(&table.source.schema, &change),
                verdict: decide(&change, &table.source, &policy),
                decision: decisions.about(&about).cloned(),
                about,
            });
        }
        table.accept(&change);
    }
    // What a person keeps away is not compared any more.
    let rejected = now.schema.fields().iter().filter_map(|field| {
        let decision = decisions.rejection_of(field.name())?.clone();
        let about = Subject::added(field);
        let verdict = Verdict::Ask(KEPT_AWAY);
        Some(Waiting { about, was: None, verdict, decision: Some(decision) })
    });
    waiting.extend(rejected);
    Ok(Some((waiting, decisions)))
}

/// A table in the shape in which it was accepted; none where it was never copied.
pub async fn accepted(
    context: &SchemaContext,
    destination: &DestinationConnection,
    shape: TableShape,
) -> Result<Option<Table>, RunError> {
    let known = stored_shape(destination, context.name(), &shape.name).await?;
    let Some(known) = known else { return Ok(None) };
    let promises = Promises::of(&context.source.plugin.info, &context.destination.plugin.info);
    let settings = context.table_settings(&shape.name);
    let mut table = Table::new(shape, settings, promises);
    left_out(context, &known, &[]).into_iter().for_each(|column| table.leave_out(column));
    table.decisions = known.decisions;
    table.remember(known.shape);
    Ok(Some(table))
}

fn type_of(schema: &Schema, change: &SchemaChange) -> Option<String> {
    let (ChangeKind::ModifyColumn { column } | ChangeKind::DropColumn { column }) = &change.kind
    else {
        return None;
    };
    schema.field_with_name(column).ok().map(type_words)
}

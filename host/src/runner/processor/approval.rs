//! What waits for a person: changes of tables' shapes, shown, approved and rejected while no
//! attempt of the schema is under way.

use std::collections::{BTreeMap, BTreeSet};

use super::order::in_one_commit;
use crate::{
    model::{Marker, TableShape},
    plugin::DestinationConnection,
    runner::{
        attempt::check_owner,
        context::SchemaContext,
        error::RunError,
        parking::now_s,
        shapes::{Waiting, decided_marker, waiting},
        state::{ASIDE, TableState, marker, read, table_stream},
        table::{DECISIONS_MAX, Decision},
    },
    schema::Verdict,
};

/// The changes of each table that has some.
pub type Waits = BTreeMap<String, Vec<Waiting>>;

/// The word of the error for which a table is parked until a person decides.
pub const UNAPPROVED: &str = "schema-change-unapproved";

/// What is to be decided.
#[derive(Clone, Debug)]
pub struct Choice {
    pub approved: bool,
    /// The columns that it is about; all without any.
    pub columns: Vec<String>,
}

/// What has become of the tables of the source that are known at the destination.
pub async fn waits(context: &SchemaContext) -> Result<Waits, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    let mut waits = Waits::new();
    for (name, shape) in described(context).await? {
        let known = waiting(context, &destination, shape).await?;
        let changes = known.map(|(changes, _)| changes).unwrap_or_default();
        if !changes.is_empty() {
            waits.insert(name, changes);
        }
    }
    destination.close().await;
    Ok(waits)
}

/// Decides about the tables that the configuration's `full_resync` names; what was decided.
pub async fn decide(
    context: &SchemaContext,
    choice: &Choice,
    take_over: bool,
) -> Result<Waits, RunError> {
    let named = context.resync().named().to_vec();
    if named.is_empty() {
        return Ok(Waits::new());
    }
    let destination = context.open_destination().await?;
    let tables = described(context).await?;
    let change = async || decisions(context, &destination, &tables, &named, choice).await;
    let decided = in_one_commit(context, &destination, take_over, change).await?;
    destination.close().await;
    Ok(decided)
}

/// The tables as the source has them now, also those that are parked.
async fn described(context: &SchemaContext) -> Result<BTreeMap<String, TableShape>, RunError> {
    let source = context.open_source().await?;
    let shapes = source.get_schema(context.name()).await?;
    source.close().await;
    let selected = shapes.into_iter().filter(|shape| context.selects(&shape.name));
    Ok(selected.map(|shape| (shape.name.clone(), shape)).collect())
}

/// What is decided about each table, and what is to be stored for it.
async fn decisions(
    context: &SchemaContext,
    destination: &DestinationConnection,
    tables: &BTreeMap<String, TableShape>,
    named: &[String],
    choice: &Choice,
) -> Result<(Waits, Vec<Marker>), RunError> {
    let aside: Option<BTreeSet<String>> = read(destination, context.name(), ASIDE).await?;
    let mut aside = aside.unwrap_or_default();
    let (mut decided, mut markers, at_s) = (Waits::new(), Vec::new(), now_s());
    for name in named {
        let known = match tables.get(name) {
            Some(shape) => waiting(context, destination, shape.clone()).await?,
            None => None,
        };
        let Some((changes, mut decisions)) = known else { return Err(unknown(context, name)) };
        let (chosen, left): (Vec<Waiting>, Vec<Waiting>) =
            changes.into_iter().partition(|change| is_chosen(change, choice));
        check(name, &chosen, choice)?;
        for change in &chosen {
            let about = change.about.clone();
            if !decisions.decide(Decision { about, approved: choice.approved, at_s }) {
                return Err(too_many(name));
            }
        }
        markers.extend(decided_marker(destination, context.name(), name, decisions).await?);
        let stream = table_stream(name);
        let state: Option<TableState> = read(destination, context.name(), &stream).await?;
        // One that was parked for another reason stays so.
        if let Some(state @ TableState::Parked { reason, .. }) = &state
            && reason.code == UNAPPROVED
            && !left.iter().any(Waiting::is_open)
        {
            markers.push(marker(stream, &state.returned()));
            aside.remove(name);
        }
        decided.insert(name.clone(), chosen);
    }
    markers.push(marker(ASIDE.into(), &aside));
    Ok((decided, markers))
}

/// Whether it is about this change, and says something else of it than is said already.
fn is_chosen(change: &Waiting, choice: &Choice) -> bool {
    let is_named = choice.columns.is_empty()
        || change.about.column.as_ref().is_some_and(|column| choice.columns.contains(column));
    let is_news =
        change.decision.as_ref().is_none_or(|decision| decision.approved != choice.approved);
    is_named && is_news && matches!(change.verdict, Verdict::Ask(_))
}

fn check(table: &str, chosen: &[Waiting], choice: &Choice) -> Result<(), RunError> {
    if chosen.is_empty() {
        return Err(RunError::Unusable {
            what: format!("nothing of table `{table}` waits for that"),
            help: "`cartridge-warp schema list` shows what waits, and what the rules refuse".into(),
        });
    }
    let Some(stuck) = chosen.iter().find(|it| !choice.approved && !it.about.can_be_rejected())
    else {
        return Ok(());
    };
    Err(RunError::Unusable {
        what: format!("table `{table}` cannot go on without {}", stuck.about),
        help: "its rows come in the new shape: leave the table parked, leave the column out \
               (`columns.exclude`), or keep its name (`columns.rename`)"
            .into(),
    })
}

fn too_many(table: &str) -> RunError {
    RunError::Unusable {
        what: format!("more than {DECISIONS_MAX} decisions about table `{table}`"),
        help: "leave its new columns out by `schema_evolution.excluded_columns`".into(),
    }
}

fn unknown(context: &SchemaContext, table: &str) -> RunError {
    let schema = context.name();
    RunError::Unusable {
        what: format!(
            "schema `{schema}` has no table `{table}` at its source that was copied before"
        ),
        help: "`cartridge-warp schema list` shows the tables in which something waits".into(),
    }
}

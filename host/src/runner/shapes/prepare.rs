//! Makes a schema's tables ready at the destination before a row is read.

use super::{
    again::end_old_rows,
    approved::make_approved,
    evolve::{self, Evolved},
    replace,
    rules::left_out,
    stored::{Evolution, Remembered, accept_shape, shape_marker, stored_shape},
};
use crate::{
    model::{Action, TableShape},
    runner::{
        advice::full_resync,
        commit::Writer,
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        names::listed,
        state::{TableState, marker, table_stream},
        table::Table,
    },
    schema::News,
};

/// Makes the destination's tables, and carries over what changed since the last run. A table that
/// is about to be emptied has no past, unless its state keeps it; nor has one whose copy never began.
pub async fn prepare_tables(
    writer: &Writer,
    states: &[(String, TableState)],
    findings: &mut Findings,
) -> Result<(), RunError> {
    let mut tables = writer.tables.lock().await;
    let mut again = None;
    for table in tables.values_mut() {
        let is_new =
            |state: &TableState| matches!(state, TableState::Pending { keep_shape: false, .. });
        let forget = states.iter().any(|(name, state)| *name == table.source.name && is_new(state));
        let prepared = prepare_table(writer, table, forget).await;
        let Some(evolved) = findings.take(prepared)? else { continue };
        if evolved == Evolved::CopyAgain {
            again.get_or_insert_with(|| table.source.name.clone());
            continue;
        }
        let state = &TableState::AFTER_ANOTHER;
        if states.iter().any(|(name, known)| *name == table.source.name && known == state) {
            let state = marker(table_stream(&table.source.name), state);
            end_old_rows(writer, table, vec![state]).await?;
        }
    }
    match again {
        Some(table) => Err(RunError::CopyAgain { table }),
        None => Ok(()),
    }
}

/// Makes the destination's table. Where a shape of it is remembered, the table goes on from that one:
/// what is other by now follows the rules for changes.
pub async fn prepare_table(
    writer: &Writer,
    table: &mut Table,
    forget: bool,
) -> Result<Evolved, RunError> {
    let (destination, schema) = (&writer.destination, writer.context.name());
    let stored = stored_shape(destination, schema, &table.source.name).await?;
    table.version = stored.as_ref().map_or(0, |known| known.version);
    if let Some(known) = &stored {
        table.decisions.clone_from(&known.decisions);
        // A table that goes on from its past finds them again.
        let renames = if forget { known.renames(&table.source) } else { Vec::new() };
        renames.iter().for_each(|(column, new_name)| table.decisions.rename(column, new_name));
        let left_out = left_out(&writer.context, known, &renames);
        left_out.into_iter().for_each(|column| table.leave_out(column));
    }
    let past = match stored {
        Some(known) if !forget => return go_on(writer, table, known).await,
        past => past,
    };
    if past.is_none() {
        // Remembered before the destination has it: what a crash leaves there is known to be ours.
        accept_shape(writer, table, Evolution::initial(), Vec::new()).await?;
    }
    if let Some(past) = past.as_ref().filter(|past| !replace::was_elsewhere(past, table)) {
        make_approved(writer, table, past).await?;
    }
    replace::make(writer, table, past.as_ref()).await?;
    let were_approved = table.decisions.all_made();
    // Nothing is committed without need: an attempt that commits counts as progress.
    if were_approved || past.is_some_and(|past| !is_same(&past, table)) {
        accept_shape(writer, table, Evolution::initial(), Vec::new()).await?;
    }
    Ok(Evolved::Kept)
}

/// Carries over what the source describes otherwise than it did.
async fn go_on(writer: &Writer, table: &mut Table, known: Remembered) -> Result<Evolved, RunError> {
    let has_other_rules = known.rules.is_none_or(|rules| rules != table.rules());
    let now = table.remember(known.shape);
    let news = table.compare_whole(&now.schema);
    let were_undone = table.forget_undone(&news);
    let mut misfit = None;
    if news.unclear.is_none() {
        check_key(&writer.context, table, &news, &now)?;
        misfit = match writer.create_table(table).await {
            // The destination may have made some of the changes already, and a crash kept that from being
            // remembered: with all of them it fits again.
            Err(error) if error.action() == Action::Config && !news.changes.is_empty() => {
                Some(error)
            }
            made => made.map(|()| None)?,
        };
    }
    let evolved = evolve::apply(writer, table, news).await?;
    if let Some(error) = misfit.filter(|_| evolved == Evolved::Kept) {
        return Err(error);
    }
    // Nothing is committed without need: an attempt that commits counts as progress.
    if evolved != Evolved::CopyAgain && (table.adopt(&now.schema) || has_other_rules || were_undone)
    {
        writer.commit_markers(vec![shape_marker(table)?]).await?;
    }
    Ok(evolved)
}

/// Whether a table has the columns, the key and the rules that are remembered.
fn is_same(past: &Remembered, table: &Table) -> bool {
    let Remembered { shape, rules, .. } = past;
    shape.schema == table.source.schema
        && shape.key == table.source.key
        && rules.as_ref() == Some(&table.rules())
}

/// Rows are found again by their key, so another key is another table.
pub fn check_key(
    context: &SchemaContext,
    table: &Table,
    news: &News,
    now: &TableShape,
) -> Result<(), RunError> {
    let TableShape { name, .. } = &table.source;
    // Renamed columns are the same key.
    let renamed = news.changes.last().and_then(|change| change.after.as_ref());
    let key = &renamed.unwrap_or(&table.source).key;
    if *key == now.key {
        return Ok(());
    }
    Err(RunError::Unfit {
        table: name.clone(),
        what: format!(
            "the key of table `{name}` was ({}) and is now ({})",
            listed(key),
            listed(&now.key)
        ),
        help: format!(
            "go back to the old key, or copy it anew with {}",
            full_resync(context.name(), name)
        ),
    })
}

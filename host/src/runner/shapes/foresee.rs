//! Whether a run would refuse what a table has become, found out without writing anything.

use super::{
    evolve::{Judged, check_again, judge, policy},
    prepare::check_key,
    rules::{changed_rules, foretell, left_out},
    stored::stored_shape,
};
use crate::{
    plugin::DestinationConnection,
    runner::{
        commit::check_columns,
        context::SchemaContext,
        error::RunError,
        state::{TableState, read, table_stream},
        table::Table,
    },
};

/// Compares what the source describes now with the remembered shape, by the rules of a run. Whether the
/// table's stream goes on where it stands, so that it is not copied first.
pub async fn foresee_shape(
    context: &SchemaContext,
    destination: &DestinationConnection,
    mut table: Table,
) -> Result<bool, RunError> {
    let (schema, name) = (context.name(), table.source.name.clone());
    let state: Option<TableState> = read(destination, schema, &table_stream(&name)).await?;
    let Some(known) = stored_shape(destination, schema, &name).await? else { return Ok(false) };
    let is_copied = state.as_ref().is_some_and(TableState::is_copied);
    let changes = if is_copied { changed_rules(context, &table, &known)? } else { Vec::new() };
    let is_emptied = match state {
        _ if !changes.is_empty() => {
            foretell(&name, &changes);
            true
        }
        Some(TableState::Again) => true,
        Some(state) if state.is_aside() => state.is_begun(),
        Some(TableState::Pending { truncate, keep_shape, .. }) => truncate && !keep_shape,
        _ => false,
    };
    if is_emptied {
        return Ok(false);
    }
    left_out(context, &known, &[]).into_iter().for_each(|column| table.leave_out(column));
    table.decisions = known.decisions;
    let now = table.remember(known.shape);
    let news = table.compare_whole(&now.schema);
    let policy = policy(context, &table);
    if let Some(why) = &news.unclear {
        return check_again(context, &table, &policy, why).map(|()| false);
    }
    check_key(context, &table, &news, &now)?;
    for change in news.changes {
        if judge(context, &mut table, &policy, &change)? == Judged::Apply {
            table.accept(&change);
            check_columns(context, &table)?;
        }
    }
    Ok(is_copied)
}

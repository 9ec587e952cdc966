//! Tables that a failure of the source is about: they are copied again, while the others go on.

use std::collections::BTreeSet;

use super::evolve::{check_again, copy_again, policy};
use crate::{
    config::{OnLostPosition, WriteMode},
    model::Action,
    plugin::{PluginError, Role},
    runner::{
        commit::Writer,
        error::RunError,
        names::listed,
        state::{TableState, read, table_stream},
    },
};

/// Marks the tables that the error is about, if it is about some; what the attempt ends with.
pub async fn copy_named_again(writer: &Writer, error: RunError) -> RunError {
    let cause = match error {
        RunError::Plugin(cause) if cause.role == Role::Source => cause,
        other => return other,
    };
    match mark(writer, &cause).await {
        Ok(marked) if marked.is_empty() => RunError::Plugin(cause),
        Ok(marked) => RunError::SomeCopiedAgain { tables: listed(&marked), cause: Box::new(cause) },
        // The next attempt meets the same failure, and marks them then.
        Err(error) => error,
    }
}

/// The tables whose state says by now that they are copied again.
async fn mark(writer: &Writer, cause: &PluginError) -> Result<Vec<String>, RunError> {
    let context = &writer.context;
    let is_lost = cause.action() == Action::Resync;
    let may_be = match cause.action() {
        Action::Resync => context.schema.on_lost_position == OnLostPosition::Resync,
        action => action == Action::Reconnect,
    };
    let known = writer.tables.lock().await;
    let named: BTreeSet<&String> = cause.tables().iter().filter(|_| may_be).collect();
    let named: Vec<_> = named.into_iter().filter_map(|name| known.get(name)).collect();
    // A log is begun anew with everything else, or by its name.
    if is_lost && named.iter().any(|table| table.settings.write_mode == WriteMode::Append) {
        return Ok(Vec::new());
    }
    let (mut markers, mut marked) = (Vec::new(), Vec::new());
    for table in named {
        let stream = table_stream(&table.source.name);
        let state: Option<TableState> = read(&writer.destination, context.name(), &stream).await?;
        // Of one that is only planned nothing is known to be wrong.
        let Some(state) = state.filter(TableState::is_begun) else { continue };
        if state != TableState::Again {
            let why = cause.cause.to_string();
            if !is_lost {
                let what = format!("copying it again ({why})");
                check_again(context, table, &policy(context, table), &what)?;
            }
            markers.extend(copy_again(writer, table, &why).await?);
        }
        marked.push(table.source.name.clone());
    }
    if !markers.is_empty() {
        writer.commit_markers(markers).await?;
    }
    Ok(marked)
}

//! Tables that the source has only since the first run, and what the operator wants of them (`on_new_table`).

use crate::{
    config::{InitialCopy, OnNewTable},
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        state::{TableState, read, table_stream},
    },
};

/// Whether nobody has chosen a table of a schema that has begun: nothing is kept of its life, and the
/// configuration does not name it.
async fn is_unchosen(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &str,
) -> Result<bool, RunError> {
    if names(context, table) {
        return Ok(false);
    }
    let state: Option<TableState> = read(destination, context.name(), &table_stream(table)).await?;
    Ok(state.is_none())
}

/// Whether a table is left out because nobody has chosen it; an error where such a one stops the schema.
pub async fn passes_over(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &str,
) -> Result<bool, RunError> {
    let on_new_table = context.schema.on_new_table;
    if matches!(on_new_table, OnNewTable::Copy | OnNewTable::LogOnly)
        || !is_unchosen(context, destination, table).await?
    {
        return Ok(false);
    }
    if on_new_table == OnNewTable::Stop {
        let (schema, table) = (context.name().to_owned(), table.to_owned());
        return Err(RunError::NewTable { schema, table });
    }
    Ok(true)
}

/// Whether what a table has is copied before its changes are followed. `is_later`: its schema has begun
/// without it.
pub async fn begins_with_copy(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &str,
    is_later: bool,
) -> Result<bool, RunError> {
    if context.table_settings(table).initial_copy == InitialCopy::None {
        return Ok(false);
    }
    let is_log_only = is_later && context.schema.on_new_table == OnNewTable::LogOnly;
    Ok(!is_log_only || !is_unchosen(context, destination, table).await?)
}

/// Whether the configuration has the table's own name where it says which are wanted.
fn names(context: &SchemaContext, table: &str) -> bool {
    let (all, own) = (&context.config, &context.schema);
    let is_listed = own.tables.iter().any(|entry| entry.name.as_str() == table);
    let mut whitelists = own.table_whitelist.iter().chain(all.global_table_whitelist.iter());
    let is_asked_for = context.resync().named().iter().any(|name| name == table);
    is_listed || whitelists.any(|pattern| pattern == table) || is_asked_for
}

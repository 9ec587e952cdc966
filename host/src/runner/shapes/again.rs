//! A table that its source dropped and made again, of which the destination kept the rows.
//!
//! Such a table is another one, so the old rows are none of it. What tells it is that its shape is
//! remembered and its state is not: `announced` leaves both so when a drop is kept. That takes no memory of
//! names in the source, which could only be bounded by forgetting some of them.

use crate::{
    config::WriteMode,
    model::Marker,
    runner::{
        commit::{Ready, Writer},
        error::RunError,
        state::{TableState, read, shape_stream, table_stream},
        table::Table,
    },
};

/// Whether the destination keeps rows of a table of this name that the source dropped.
pub async fn has_old_rows(writer: &Writer, table: &str) -> Result<bool, RunError> {
    let (destination, schema) = (&writer.destination, writer.context.name());
    let state: Option<TableState> = read(destination, schema, &table_stream(table)).await?;
    if state.is_some() {
        return Ok(false);
    }
    Ok(destination.get_marker(schema, &shape_stream(table)).await?.is_some())
}

/// Ends the rows of the old table as the source's own truncation would, in one commit with `markers`.
/// A log of rows without operations has no word for it, and goes on.
pub async fn end_old_rows(
    writer: &Writer,
    table: &mut Table,
    markers: Vec<Marker>,
) -> Result<(), RunError> {
    let is_plain_log = table.settings.write_mode == WriteMode::Append && !table.is_change_log();
    let tables = if is_plain_log { Vec::new() } else { table.truncation()? };
    writer.commit(Ready { tables, markers, ..Ready::default() }).await
}

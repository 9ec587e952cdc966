//! Makes the destination's table for a shape that has nothing to do with the one before.
//!
//! A full re-sync forgets what a table was like. Columns that hold other values by now may keep the
//! destination from taking the table as it is; its rows are about to go, so it is dropped and made
//! anew. Whether the shape that is remembered is another one does not matter: the destination may have made changes
//! of which a crash, or a change behind them that was refused, kept the memory from being stored. A table that was
//! there before us stays: the destination refuses to drop it, or does not know it at all.

use super::stored::Remembered;
use crate::{
    model::{Action, ChangeKind, SchemaChange, TableShape},
    plugin::{ChangeOutcome, DestinationConnection, PluginError},
    runner::{commit::Writer, error::RunError, table::Table},
    schema::{TypeStep, is_first_value, type_step},
};

/// Makes the table, in place of the one that is remembered where that cannot take it.
pub async fn make(
    writer: &Writer,
    table: &Table,
    past: Option<&Remembered>,
) -> Result<(), RunError> {
    // A table that was kept elsewhere stays there as it is.
    let past = past.filter(|past| !was_elsewhere(past, table));
    if past.is_some_and(|past| had_guesses(&past.shape, &table.source)) {
        // A column of text would take values whose type nobody knew when it was made. A table that the
        // destination does not drop goes on with it.
        ask_to_drop(writer, &table.source.name).await?;
    }
    let cause = match writer.create_table(table).await {
        Err(RunError::Plugin(cause)) if cause.action() == Action::Config => cause,
        made => return made,
    };
    if past.is_none() {
        return Err(cause.into());
    }
    let name = &table.source.name;
    drop_table(writer, name, cause).await?;
    if writer.context.source.log.admits("new shapes") {
        tracing::info!(
            table = name,
            "its columns could not take the new shape: the table is made anew"
        );
    }
    writer.create_table(table).await
}

async fn drop_table(writer: &Writer, table: &str, cause: PluginError) -> Result<(), RunError> {
    for outcome in ask_to_drop(writer, table).await? {
        match outcome {
            ChangeOutcome::Applied => {}
            // It was never made, so the failure is about something else.
            ChangeOutcome::Unchanged => return Err(cause.into()),
            ChangeOutcome::Refused { reason } => {
                return Err(RunError::NotReplaced {
                    table: table.to_owned(),
                    reason,
                    cause: Box::new(cause),
                });
            }
        }
    }
    Ok(())
}

/// Asks the destination to drop a table, which it may refuse.
pub async fn ask_to_drop(writer: &Writer, table: &str) -> Result<Vec<ChangeOutcome>, RunError> {
    drop_at(&writer.destination, writer.context.name(), writer.epoch, table).await
}

/// The same of a schema that was claimed and is not run.
pub async fn drop_at(
    destination: &DestinationConnection,
    schema: &str,
    epoch: u64,
    table: &str,
) -> Result<Vec<ChangeOutcome>, RunError> {
    let table = table.to_owned();
    let change = [SchemaChange { table, kind: ChangeKind::DropTable, after: None }];
    Ok(destination.apply_schema_changes(schema, &change, epoch).await?)
}

/// Drops the table of keys of a copy that is given up.
pub async fn drop_keys(writer: &Writer, keys: Option<String>) -> Result<(), RunError> {
    if let Some(keys) = keys {
        ask_to_drop(writer, &keys).await?;
    }
    Ok(())
}

/// Whether what is remembered of the table is kept in another place.
pub fn was_elsewhere(past: &Remembered, table: &Table) -> bool {
    past.rules.as_ref().is_some_and(|rules| rules.keeps_elsewhere(&table.rules()))
}

/// Whether values have come for a column whose type was a guess.
fn had_guesses(past: &TableShape, now: &TableShape) -> bool {
    past.schema.fields().iter().any(|old| {
        let new = now.schema.field_with_name(old.name());
        new.is_ok_and(|new| is_first_value(old, new) && type_step(old, new) != TypeStep::Same)
    })
}

//! A column gets its first value, and the destination does not change the type that was guessed for it.

use arrow_schema::Field;

use super::replace::ask_to_drop;
use crate::{
    config::WriteMode,
    plugin::ChangeOutcome,
    runner::{commit::Writer, error::RunError, table::Table},
};

/// Drops a table that has no row, because no key was there for one; whether the destination did.
pub async fn drop_empty(writer: &Writer, table: &Table, guess: &Field) -> Result<bool, RunError> {
    let is_empty = table.settings.write_mode == WriteMode::Upsert
        && table.source.key.iter().any(|key| key == guess.name());
    if !is_empty {
        return Ok(false);
    }
    let outcomes = ask_to_drop(writer, &table.source.name).await?;
    Ok(!outcomes.iter().any(|outcome| matches!(outcome, ChangeOutcome::Refused { .. })))
}

/// The column stays what it was made as, and holds its values in that type.
pub fn keep_guess(writer: &Writer, table: &mut Table, guess: &Field, reason: &str) {
    if writer.context.source.log.admits("new shapes") {
        let (table, column) = (&table.source.name, guess.name());
        tracing::info!(table, column, reason, "a column keeps the type that was guessed for it");
    }
    table.settle(guess);
}

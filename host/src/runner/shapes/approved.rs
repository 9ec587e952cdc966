//! Makes what a person approved of and a new copy alone would not: a column that is gone, and another name.
//!
//! A table that was parked for a change is copied again, in its shape of now. That brings new columns and
//! types; what the source has no more would stay at the destination, empty.

use super::{evolve::apply_one, rules::left_out, stored::Remembered};
use crate::{
    model::ChangeKind,
    runner::{
        commit::Writer,
        error::RunError,
        table::{Promises, Subject, Table},
    },
};

/// Makes the changes of these kinds that are approved. What the destination will not do, it says, and the copy
/// goes on without.
pub async fn make_approved(
    writer: &Writer,
    table: &Table,
    past: &Remembered,
) -> Result<(), RunError> {
    let context = &writer.context;
    let promises = Promises::of(&context.source.plugin.info, &context.destination.plugin.info);
    let mut old = Table::new(past.shape.clone(), table.settings.clone(), promises);
    let away = left_out(context, past, &[]);
    away.into_iter().for_each(|column| old.leave_out(column));
    for change in old.compare_whole(&table.source.schema).changes {
        let is_left_over =
            matches!(change.kind, ChangeKind::DropColumn { .. } | ChangeKind::RenameColumn { .. });
        let decision = past.decisions.about(&Subject::of(&change));
        let is_wanted = is_left_over && decision.is_some_and(|decision| decision.approved);
        let Some(ours) = old.accept(&change) else { continue };
        if is_wanted {
            apply_one(writer, &ours).await?;
        }
    }
    Ok(())
}

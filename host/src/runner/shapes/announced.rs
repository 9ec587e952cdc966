//! Changes of shape that the stream announces.

use super::{
    evolve::{self, Evolved},
    prepare::prepare_table,
};
use crate::{
    model::{ChangeKind, SchemaChange},
    runner::{
        commit::{Writer, check_tables},
        error::RunError,
        state::{TableState, deletion, marker, shape_stream, table_stream},
        table::{Promises, Table},
    },
};

/// Applies what the stream announces, in order.
pub async fn change_shapes(writer: &Writer, changes: &[SchemaChange]) -> Result<(), RunError> {
    let mut tables = writer.tables.lock().await;
    // The others are applied too: the source does not announce them again.
    let mut again = None;
    for change in changes {
        match (tables.get_mut(&change.table), &change.kind) {
            // A table that was planned from the source's list is announced again by its stream.
            (Some(table), ChangeKind::AddTable) if !table.dropped => {}
            (Some(table), ChangeKind::DropTable) => {
                drop_table(writer, table, change).await?;
            }
            (_, ChangeKind::AddTable) => {
                let (table, evolved) = add_table(writer, change).await?;
                tables.insert(change.table.clone(), table);
                check_tables(&writer.context, &tables, &change.table)?;
                if evolved == Evolved::CopyAgain {
                    again.get_or_insert_with(|| change.table.clone());
                }
            }
            (Some(table), _) => {
                let evolved = evolve::apply(writer, table, vec![change.clone()].into()).await?;
                if evolved == Evolved::CopyAgain {
                    again.get_or_insert_with(|| change.table.clone());
                }
                check_tables(&writer.context, &tables, &change.table)?;
            }
            (None, _) => {
                return Err(RunError::UnknownTable { table: change.table.clone() });
            }
        }
    }
    match again {
        Some(table) => Err(RunError::CopyAgain { table }),
        None => Ok(()),
    }
}

async fn drop_table(
    writer: &Writer,
    table: &mut Table,
    change: &SchemaChange,
) -> Result<(), RunError> {
    let mut gone = vec![deletion(table_stream(&change.table))];
    let kept = evolve::apply(writer, table, vec![change.clone()].into()).await? == Evolved::Kept;
    table.dropped = true;
    // What the destination keeps is what a table of the same name is compared with.
    if kept {
        return writer.commit_markers(gone).await;
    }
    gone.push(deletion(shape_stream(&change.table)));
    let mut counted = writer.count().await?;
    counted.remove_table();
    gone.push(counted.marker());
    writer.commit_markers(gone).await?;
    counted.committed();
    Ok(())
}

/// A table that is new in the stream arrives whole through it: there is nothing to snapshot.
async fn add_table(writer: &Writer, change: &SchemaChange) -> Result<(Table, Evolved), RunError> {
    let context = &writer.context;
    let Some(shape) = change.after.clone() else {
        return Err(RunError::UnknownTable { table: change.table.clone() });
    };
    let settings = context.table_settings(&change.table);
    let promises = Promises::of(&context.source.plugin.info, &context.destination.plugin.info);
    let mut table = Table::new(shape, settings, promises).checked()?;
    let evolved = prepare_table(writer, &mut table, false).await?;
    if evolved != Evolved::CopyAgain {
        let state = marker(table_stream(&change.table), &TableState::Streaming);
        writer.commit_markers(vec![state]).await?;
    }
    context.metrics.table(&change.table).schema_change(&change.kind);
    if context.source.log.admits("new tables") {
        tracing::info!(table = change.table, "new table");
    }
    Ok((table, evolved))
}

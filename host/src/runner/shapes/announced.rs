//! Changes of shape that the stream announces.

use super::{
    again::{end_old_rows, has_old_rows},
    evolve::{self, Evolved},
    new_tables::passes_over,
    places::check_places,
    prepare::prepare_table,
    replace::drop_keys,
    stored::stored_shape,
};
use crate::{
    model::{ChangeKind, SchemaChange},
    plugin::DestinationConnection,
    runner::{
        commit::{Writer, check_tables},
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        parking::table_status,
        state::{
            TableState, deletion, extras_stream, forget_chunks, marker, read, shape_stream,
            table_stream, uncopied_stream,
        },
        table::{Promises, Table},
    },
    schema::has_seen_key,
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
            (_, ChangeKind::AddTable) if is_passed_over(writer, change).await? => {}
            (_, ChangeKind::AddTable) if is_yet_to_come(writer, change).await? => {}
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
            (None, ChangeKind::DropTable) => drop_unlisted(writer, change).await?,
            (None, _) if writer.passes_over_unknown() => {}
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

/// Whether a table is left out because nobody has chosen it.
async fn is_passed_over(writer: &Writer, change: &SchemaChange) -> Result<bool, RunError> {
    let (context, table) = (&writer.context, &change.table);
    let is_over = passes_over(context, &writer.destination, table).await?;
    if is_over && context.source.log.admits("new tables") {
        tracing::info!(table, "new table left out (`on_new_table: ignore`)");
    }
    Ok(is_over)
}

/// Whether a table has no row yet that would tell the type of its key, and nothing is kept of an older
/// one: it is announced again with its first row.
async fn is_yet_to_come(writer: &Writer, change: &SchemaChange) -> Result<bool, RunError> {
    let (schema, name) = (writer.context.name(), &change.table);
    let has_rows = change.after.as_ref().is_none_or(has_seen_key);
    Ok(!has_rows && stored_shape(&writer.destination, schema, name).await?.is_none())
}

/// A table that was gone when the source listed its tables. What is remembered of it says what goes;
/// of one that was never copied, or dropped before, nothing is.
async fn drop_unlisted(writer: &Writer, change: &SchemaChange) -> Result<(), RunError> {
    let (context, name) = (&writer.context, &change.table);
    let stream = table_stream(name);
    let state: Option<TableState> = read(&writer.destination, context.name(), &stream).await?;
    let known = remembered(context, &writer.destination, name).await?;
    let Some(mut table) = known.filter(|_| state.is_some()) else { return Ok(()) };
    drop_table(writer, &mut table, change).await
}

/// A table as it is remembered, where it is kept now; none where it is not.
pub async fn remembered(
    context: &SchemaContext,
    destination: &DestinationConnection,
    name: &str,
) -> Result<Option<Table>, RunError> {
    let Some(known) = stored_shape(destination, context.name(), name).await? else {
        return Ok(None);
    };
    let mut settings = context.table_settings(name);
    if let Some(rules) = known.rules {
        settings.place = rules.place().cloned();
    }
    let mut table = Table::new(known.shape, settings, promises(context));
    table.version = known.version;
    Ok(Some(table))
}

async fn drop_table(
    writer: &Writer,
    table: &mut Table,
    change: &SchemaChange,
) -> Result<(), RunError> {
    let (mut gone, keys) =
        forget_chunks(&writer.destination, writer.context.name(), &change.table).await?;
    drop_keys(writer, keys).await?;
    let streams = [table_stream, uncopied_stream, extras_stream];
    gone.extend(streams.map(|stream| deletion(stream(&change.table))));
    let kept = evolve::apply(writer, table, vec![change.clone()].into()).await? == Evolved::Kept;
    table.dropped = true;
    writer.context.forget_table(&change.table);
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

/// A table that is new in the stream arrives whole through it: there is nothing to snapshot. What the
/// destination kept of an older one goes first.
async fn add_table(writer: &Writer, change: &SchemaChange) -> Result<(Table, Evolved), RunError> {
    let context = &writer.context;
    let Some(shape) = change.after.clone() else {
        return Err(RunError::UnknownTable { table: change.table.clone() });
    };
    let settings = context.table_settings(&change.table);
    let mut table = Table::new(shape, settings, promises(context)).checked()?;
    let findings = &mut Findings::all();
    check_places(context, &writer.destination, std::iter::once(&table), findings).await?;
    if let Some(error) = findings.drain().into_iter().next() {
        return Err(error);
    }
    let is_other = has_old_rows(writer, &change.table).await?;
    let evolved = prepare_table(writer, &mut table, false).await?;
    let state = marker(table_stream(&change.table), &TableState::Streaming);
    match evolved {
        Evolved::CopyAgain => {}
        _ if is_other => end_old_rows(writer, &mut table, vec![state]).await?,
        _ => writer.commit_markers(vec![state]).await?,
    }
    let status = table_status(context.name(), &change.table, &TableState::Streaming);
    context.health.set_table(context.name(), &change.table, status);
    context.metrics.table(&change.table).schema_change(&change.kind);
    if context.source.log.admits("new tables") {
        tracing::info!(table = change.table, "new table");
    }
    Ok((table, evolved))
}

fn promises(context: &SchemaContext) -> Promises {
    Promises::of(&context.source.plugin.info, &context.destination.plugin.info)
}

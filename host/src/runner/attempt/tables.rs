//! Which tables of the source a schema has.

use crate::{
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        commit::{check_columns, check_tables},
        context::SchemaContext,
        error::RunError,
        names::listed,
        state::{CHANGES, shape_stream},
        table::{Promises, Table, Tables},
    },
};

/// The tables of a source.
pub struct Selection {
    /// Those that the operator wants.
    pub tables: Tables,
    pub others: Vec<String>,
}

/// Tells the source which of its tables the operator wants. Tables may be gone, all of them even, where the
/// destination knows them from before: the schema goes on, for what comes back and what is new.
pub async fn select_tables(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: &DestinationConnection,
) -> Result<Selection, RunError> {
    let shapes = source.get_schema(context.name()).await?;
    let listed = shapes.iter().map(|shape| shape.name.clone());
    let (selected, others): (Vec<String>, Vec<String>) =
        listed.partition(|name| context.selects(name));
    if selected.is_empty() && !is_known(context, destination, CHANGES).await? {
        return Err(RunError::NoTables { schema: context.name().to_owned(), listed: others });
    }
    // Before our own checks: the source knows what helps against what it cannot follow.
    source.select_tables(context.name(), &selected).await?;
    let promises = Promises::of(&context.source.plugin.info, &context.destination.plugin.info);
    let mut tables = Tables::new();
    for shape in shapes.into_iter().filter(|shape| context.selects(&shape.name)) {
        let settings = context.table_settings(&shape.name);
        let name = shape.name.clone();
        let table = Table::new(shape, settings, promises)?;
        check_columns(context, &table)?;
        tables.insert(name, table);
    }
    if let Some(last) = tables.keys().next_back() {
        check_tables(context, &tables, last)?;
    }
    let mut wanted = Vec::new();
    for name in context.schema.tables.iter().map(|table| &table.name) {
        let is_missing = context.selects(name) && !tables.contains_key(name);
        if is_missing && !is_known(context, destination, &shape_stream(name)).await? {
            wanted.push(name.clone());
        }
    }
    check_named(context, &wanted, &tables, "tables")?;
    Ok(Selection { tables, others })
}

/// Whether the destination has this marker of the schema.
async fn is_known(
    context: &SchemaContext,
    destination: &DestinationConnection,
    stream: &str,
) -> Result<bool, RunError> {
    Ok(destination.get_marker(context.name(), stream).await?.is_some())
}

/// A table that a key of the configuration names and that is not copied is a typing mistake.
pub fn check_named(
    context: &SchemaContext,
    named: &[String],
    tables: &Tables,
    key: &str,
) -> Result<(), RunError> {
    let Some(missing) = named.iter().find(|name| !tables.contains_key(name.as_str())) else {
        return Ok(());
    };
    let copied: Vec<&str> = tables.keys().map(String::as_str).collect();
    Err(RunError::Unusable {
        what: format!(
            "`{key}` names `{missing}`, and schema `{}` has no such table to copy",
            context.name()
        ),
        help: format!("it has {}", listed(&copied)),
    })
}

//! Which tables of the source a schema has, and whether they can be copied as the operator wants.

use std::collections::BTreeSet;

use crate::{
    config::TableName,
    model::Action,
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        commit::{check_columns, check_tables},
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        names::listed,
        shapes::check_places,
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

/// Tells the source which of its tables the operator wants, and looks at each. Tables may be gone, all of
/// them even, where the destination knows them from before: the schema goes on, for what comes back and
/// what is new.
pub async fn select_tables(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: Option<&DestinationConnection>,
    findings: &mut Findings,
) -> Result<Selection, RunError> {
    let shapes = source.get_schema(context.name()).await?;
    let listed = shapes.iter().map(|shape| shape.name.clone());
    let (selected, others): (Vec<String>, Vec<String>) =
        listed.partition(|name| context.selects(name));
    if selected.is_empty() && !is_known(context, destination, CHANGES).await? {
        return Err(RunError::NoTables { schema: context.name().to_owned(), listed: others });
    }
    // Before our own checks: the source knows what helps against what it cannot follow.
    let refused = tell(context, source, &selected, findings).await?;
    let promises = Promises::of(&context.source.plugin.info, &context.destination.plugin.info);
    let mut tables = Tables::new();
    for shape in shapes.into_iter().filter(|shape| context.selects(&shape.name)) {
        let name = shape.name.clone();
        let table = Table::new(shape, context.table_settings(&name), promises);
        let faults =
            if refused.contains(&name) { table.faults_of_settings() } else { table.faults() };
        faults.into_iter().try_for_each(|fault| findings.add(fault))?;
        findings.take(check_columns(context, &table))?;
        tables.insert(name, table);
    }
    if let Some(destination) = destination {
        context.places.forget(context.name());
        check_places(context, destination, tables.values(), findings).await?;
    }
    if let Some(last) = tables.keys().next_back() {
        findings.take(check_tables(context, &tables, last))?;
    }
    let mut wanted = Vec::new();
    for name in context.schema.tables.iter().map(|table| &table.name) {
        if name.is_pattern() {
            tell_unused(name, &tables);
            continue;
        }
        let name = name.as_str();
        let is_missing = context.selects(name) && !tables.contains_key(name);
        if is_missing && !is_known(context, destination, &shape_stream(name)).await? {
            wanted.push(name.to_owned());
        }
    }
    findings.take(check_named(context, &wanted, &tables, "tables"))?;
    Ok(Selection { tables, others })
}

/// A table that a glob is for may come later.
fn tell_unused(pattern: &TableName, tables: &Tables) {
    if !tables.keys().any(|table| pattern.matches(table)) {
        let name = pattern.as_str();
        tracing::warn!(
            "`tables` has an entry `{name}` that matches no table which is copied so far"
        );
    }
}

/// Whether the destination has this marker of the schema. One that does not answer knows nothing.
async fn is_known(
    context: &SchemaContext,
    destination: Option<&DestinationConnection>,
    stream: &str,
) -> Result<bool, RunError> {
    let Some(destination) = destination else { return Ok(false) };
    Ok(destination.get_marker(context.name(), stream).await?.is_some())
}

/// Has the source look at the selected tables. Where all that is wrong is wanted, it is asked about parts
/// of a list that it refuses, down to single tables; it then knows of those that it did not refuse.
async fn tell(
    context: &SchemaContext,
    source: &SourceConnection,
    selected: &[String],
    findings: &mut Findings,
) -> Result<BTreeSet<String>, RunError> {
    let mut refused = BTreeSet::new();
    let mut open = vec![selected];
    while let Some(part) = open.pop() {
        let Err(error) = source.select_tables(context.name(), part).await else { continue };
        let error = RunError::from(error);
        if error.action() != Action::Config || !findings.go_on_behind(&error) {
            return Err(error);
        }
        match part {
            [table] => {
                findings.add(error)?;
                refused.insert(table.clone());
            }
            part => {
                let (front, back) = part.split_at(part.len() / 2);
                open.extend([back, front]);
            }
        }
    }
    let kept: Vec<String> =
        selected.iter().filter(|table| !refused.contains(*table)).cloned().collect();
    if kept.len() < selected.len() && !kept.is_empty() {
        source.select_tables(context.name(), &kept).await?;
    }
    Ok(refused)
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

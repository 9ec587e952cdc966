//! Which tables of the source a schema has, and whether they can be copied as the operator wants.

use std::collections::BTreeSet;

use super::{
    attempts::Attempts,
    named::{check_rules, tell_unused},
    renamed::check_names,
    selection::before,
};
use crate::{
    config::OnNewTable,
    model::Action,
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        commit::{check_columns, check_tables},
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        names::listed,
        shapes::{Remembered, check_places, passes_over, stored_shape},
        state::{ASIDE, CHANGES, read},
        table::{Past, Promises, Table, Tables},
    },
};

/// Tables of which a source may be asked one by one because it refused a list without naming them: one that
/// would refuse any would be asked for long.
const REFUSED_MAX: usize = 100;

/// The tables of a source.
pub struct Selection {
    /// Those that the operator wants, without what is parked or paused.
    pub tables: Tables,
    pub others: Vec<String>,
    /// All that the source has.
    pub listed: BTreeSet<String>,
    /// Those that the source refused, where all that is wrong is looked for.
    pub refused: BTreeSet<String>,
    /// Tables that were parked or paused before, whether or not the source has them.
    pub aside: BTreeSet<String>,
}

/// Tells the source which of its tables the operator wants, and looks at each. Tables may be gone, all of
/// them even, where the destination knows them from before: the schema goes on, for what comes back and
/// what is new. A run passes over what is parked or paused; without `attempts` there is a look at that, too.
pub async fn select_tables(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: Option<&DestinationConnection>,
    attempts: Option<&Attempts>,
    findings: &mut Findings,
) -> Result<Selection, RunError> {
    let shapes = source.get_schema(context.name()).await?;
    if let Some(destination) = destination {
        check_names(context, destination, &shapes, findings).await?;
    }
    let listed: BTreeSet<String> = shapes.iter().map(|shape| shape.name.clone()).collect();
    let aside = aside(context, destination, attempts, &listed).await?;
    let is_left_out = |name: &String| {
        aside.contains(name) || attempts.is_some_and(|past| past.failing.contains_key(name))
    };
    let (selected, others): (Vec<String>, Vec<String>) =
        listed.iter().cloned().partition(|name| context.selects(name));
    if selected.is_empty() && !is_known(context, destination, CHANGES).await? {
        return Err(RunError::NoTables { schema: context.name().to_owned(), listed: others });
    }
    let mut selected: Vec<String> =
        selected.into_iter().filter(|name| !is_left_out(name)).collect();
    if let Some(destination) = destination {
        let passed_over = passed_over(context, destination, &selected, findings).await?;
        selected.retain(|name| !passed_over.contains(name));
    }
    // Before our own checks: the source knows what helps against what it cannot follow.
    let refused = tell(context, source, &selected, findings).await?;
    let promises = Promises::of(&context.source.plugin.info, &context.destination.plugin.info);
    let selected: BTreeSet<String> = selected.into_iter().collect();
    let mut tables = Tables::new();
    for shape in shapes.into_iter().filter(|shape| selected.contains(&shape.name)) {
        let name = shape.name.clone();
        let table = Table::new(shape, context.table_settings(&name), promises);
        let faults = faults(context, destination, &table, !refused.contains(&name)).await?;
        faults.into_iter().try_for_each(|fault| findings.add(fault))?;
        findings.take(check_columns(context, &table))?;
        tables.insert(name, table);
    }
    if let Some(destination) = destination {
        context.places.forget(context.name());
        check_places(context, destination, tables.values(), findings).await?;
    }
    let failing = findings.parked();
    tables.retain(|name, _| !failing.contains(name));
    let last = tables.keys().next_back();
    if let Some(Err(error)) = last.map(|last| check_tables(context, &tables, last)) {
        findings.add_of_schema(error)?;
    }
    check_rules(context, destination, &listed, findings).await?;
    tell_unused(context, &listed, &tables);
    Ok(Selection { tables, others, listed, refused, aside })
}

/// What is wrong with a table. Whether it is the table's own matter, what is remembered of it says.
async fn faults(
    context: &SchemaContext,
    destination: Option<&DestinationConnection>,
    table: &Table,
    of_rows: bool,
) -> Result<Vec<RunError>, RunError> {
    let found = table.faults(of_rows);
    let Some(known) = destination.filter(|_| !found.is_empty()) else { return Ok(found) };
    if !is_known(context, destination, CHANGES).await? {
        return Ok(found);
    }
    let past = stored_shape(known, context.name(), &table.source.name).await?;
    let past = past.map(|Remembered { shape, rules, .. }| Past { shape, rules });
    Ok(table.faults_since(of_rows, past.as_ref()))
}

/// The tables that were parked or paused, but for those of the source that are wanted back.
async fn aside(
    context: &SchemaContext,
    destination: Option<&DestinationConnection>,
    attempts: Option<&Attempts>,
    listed: &BTreeSet<String>,
) -> Result<BTreeSet<String>, RunError> {
    let (Some(destination), Some(attempts)) = (destination, attempts) else {
        return Ok(BTreeSet::new());
    };
    let names: Option<BTreeSet<String>> = read(destination, context.name(), ASIDE).await?;
    let is_back = |name: &String| attempts.wants(name) && listed.contains(name);
    Ok(names.into_iter().flatten().filter(|name| !is_back(name)).collect())
}

/// The tables that nobody has chosen, where these are left out. Lists that select one by now chose it.
async fn passed_over(
    context: &SchemaContext,
    destination: &DestinationConnection,
    selected: &[String],
    findings: &mut Findings,
) -> Result<BTreeSet<String>, RunError> {
    let mut over = BTreeSet::new();
    if !is_known(context, Some(destination), CHANGES).await? {
        return Ok(over);
    }
    let before = before(context, destination).await?;
    for name in selected.iter().filter(|name| !before.left_out(name)) {
        match passes_over(context, destination, name).await {
            Ok(false) => continue,
            Ok(true) => {}
            Err(error @ RunError::NewTable { .. }) => findings.add_of_schema(error)?,
            Err(error) => return Err(error),
        }
        over.insert(name.clone());
    }
    if context.schema.on_new_table == OnNewTable::Ignore && !over.is_empty() {
        let tables: Vec<&str> = over.iter().map(String::as_str).collect();
        let tables = listed(&tables);
        tracing::info!(tables, "new tables left out (`on_new_table: ignore`)");
    }
    Ok(over)
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

/// Has the source look at the selected tables. It is asked about parts of a list that it refuses, down to
/// single tables; it then knows of those that it did not refuse.
async fn tell(
    context: &SchemaContext,
    source: &SourceConnection,
    selected: &[String],
    findings: &mut Findings,
) -> Result<BTreeSet<String>, RunError> {
    let (mut refused, mut is_whole) = (BTreeSet::new(), true);
    let mut open = vec![selected];
    while let Some(part) = open.pop() {
        let Err(error) = source.select_tables(context.name(), part).await else { continue };
        let is_too_much = refused.len() >= REFUSED_MAX && !findings.wants_all();
        if error.action() != Action::Config || is_too_much {
            return Err(error.into());
        }
        is_whole = false;
        match part {
            [table] => {
                findings.add(error.about(table).into())?;
                refused.insert(table.clone());
            }
            [] => return Err(error.into()),
            part => {
                let (front, back) = part.split_at(part.len() / 2);
                open.extend([back, front]);
            }
        }
    }
    let kept: Vec<String> =
        selected.iter().filter(|table| !refused.contains(*table)).cloned().collect();
    if !is_whole && !kept.is_empty() {
        source.select_tables(context.name(), &kept).await?;
    }
    Ok(refused)
}

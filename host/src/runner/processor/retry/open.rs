//! Makes both sides ready to write rows of some tables, as a run would, and finds the tables of which no letter can
//! be tried again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::super::order::claim;
use crate::{
    model::TableShape,
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        attempt::{Attempts, Selection, select_tables},
        commit::Writer,
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        shapes::{other_rules, prepare_tables},
        side::check_apart,
        state::{TableState, read, table_stream},
        table::Table,
    },
};

/// Both sides, ready.
pub struct Opened {
    pub writer: Writer,
    pub source: SourceConnection,
    /// The tables as the source describes them.
    pub described: BTreeMap<String, TableShape>,
    /// Why no letter of these tables can be tried.
    pub passed: BTreeMap<String, String>,
}

impl Opened {
    /// Why no letter of a table can be tried, if none can.
    pub fn why_not(&self, table: &str) -> Option<&str> {
        const UNKNOWN: &str = "its source has no such table, or it is not selected";
        let why = self.passed.get(table).map(String::as_str);
        why.or_else(|| (!self.described.contains_key(table)).then_some(UNKNOWN))
    }
}

/// Opens the source and claims the schema.
pub async fn open(
    context: &Arc<SchemaContext>,
    destination: DestinationConnection,
    wanted: &BTreeSet<String>,
) -> Result<Opened, RunError> {
    let (schema, source) = (context.name(), context.open_source().await?);
    // Before either side changes anything.
    check_apart(&source, &destination, schema, context.destination_schema()).await?;
    let parking = || context.parking(&[]);
    let findings = &mut Findings::of_tables(parking());
    let attempts = Some(&Attempts::default());
    let Selection { mut tables, aside, .. } =
        select_tables(context, &source, Some(&destination), attempts, findings).await?;
    let mut passed = why(context, findings);
    passed.extend(aside.into_iter().map(|table| (table, "it is parked or paused".to_owned())));
    tables.retain(|name, _| wanted.contains(name));
    for (name, table) in &tables {
        if let Some(why) = why_not(context, &destination, name, table).await? {
            passed.insert(name.clone(), why);
        }
    }
    tables.retain(|name, _| !passed.contains_key(name));
    let described = tables.iter().map(|(name, table)| (name.clone(), table.source.clone()));
    let described = described.collect();
    // Where nothing can be tried nothing is written, and nobody is fenced.
    let epoch = if tables.is_empty() { 0 } else { claim(context, &destination).await? };
    let writer = Writer::new(Arc::clone(context), destination, epoch, tables, BTreeSet::new());
    // Columns that the source changed since the last run come first, by the rules for that.
    let findings = &mut Findings::of_tables(parking());
    match prepare_tables(&writer, &[], findings).await {
        // Its state says so by now.
        Err(RunError::CopyAgain { .. }) => {}
        prepared => prepared?,
    }
    passed.extend(why(context, findings));
    let mut opened = Opened { writer, source, described, passed };
    pass_over_what_changed(context, &mut opened).await?;
    Ok(opened)
}

/// What is wrong with single tables, in words.
fn why(context: &SchemaContext, findings: &mut Findings) -> BTreeMap<String, String> {
    let parking = context.parking(&[]);
    let errors = findings.drain();
    let tables = |error: &RunError| parking.tables_of(error).into_iter();
    errors.iter().flat_map(|error| tables(error).map(|table| (table, error.chain()))).collect()
}

async fn why_not(
    context: &SchemaContext,
    destination: &DestinationConnection,
    name: &str,
    table: &Table,
) -> Result<Option<String>, RunError> {
    let state = state_in_the_way(context, destination, name).await?;
    if let Some(why) = state.or_else(|| table.why_no_retry()) {
        return Ok(Some(why));
    }
    let rules = other_rules(context, destination, table).await?;
    Ok((!rules.is_empty()).then(|| "its rules are other ones: a run copies it again".to_owned()))
}

/// A table that is copied gets all its rows, and letters of those that are refused then.
async fn state_in_the_way(
    context: &SchemaContext,
    destination: &DestinationConnection,
    name: &str,
) -> Result<Option<String>, RunError> {
    let state: Option<TableState> = read(destination, context.name(), &table_stream(name)).await?;
    Ok(match state {
        Some(TableState::Streaming) => None,
        Some(state) => Some(format!("it is not copied to its end ({}): a run does", state.word())),
        None => Some("it was never copied: a run does".to_owned()),
    })
}

/// Tables that a run has parked before the claim, or that are to be copied again for their shape.
async fn pass_over_what_changed(
    context: &SchemaContext,
    opened: &mut Opened,
) -> Result<(), RunError> {
    let names: Vec<String> = opened.described.keys().cloned().collect();
    for name in names {
        let state = state_in_the_way(context, &opened.writer.destination, &name).await?;
        if let Some(why) = state {
            opened.passed.entry(name).or_insert(why);
        }
    }
    Ok(())
}

//! Makes both sides ready to write rows of some tables again, as a run would, and finds the tables of which none can
//! be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    order::claim,
    standing::{Standing, standing, state_in_the_way, why},
};
use crate::{
    model::TableShape,
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        commit::Writer, context::SchemaContext, error::RunError, findings::Findings,
        shapes::prepare_tables, side::check_apart, table::Table,
    },
};

/// Both sides, ready.
pub struct Opened {
    pub writer: Writer,
    pub source: SourceConnection,
    /// The tables as the source describes them.
    pub described: BTreeMap<String, TableShape>,
    /// Why no row of these tables can be written again.
    pub passed: BTreeMap<String, String>,
}

impl Opened {
    /// Why no row of a table can be written again, if none can.
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
    let is_wanted = |name: &str| wanted.contains(name);
    let Standing { tables, mut passed, .. } =
        standing(context, &source, &destination, is_wanted, Table::why_no_retry).await?;
    let described = tables.iter().map(|(name, table)| (name.clone(), table.source.clone()));
    let described = described.collect();
    // Where nothing can be tried nothing is written, and nobody is fenced.
    let epoch = if tables.is_empty() { 0 } else { claim(context, &destination).await? };
    let writer = Writer::new(Arc::clone(context), destination, epoch, tables, BTreeSet::new());
    // Columns that the source changed since the last run come first, by the rules for that.
    let findings = &mut Findings::of_tables(context.parking(&[]));
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

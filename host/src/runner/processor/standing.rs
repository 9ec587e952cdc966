//! The tables that are copied to their end, by the rules and in the selection of now: those whose rows can be
//! written again, or compared, outside of a run.

use std::collections::BTreeMap;

use crate::{
    plugin::{DestinationConnection, SourceConnection},
    runner::{
        attempt::{Attempts, Selection, select_tables},
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        shapes::other_rules,
        state::{TableState, read, table_stream},
        table::{Table, Tables},
    },
};

/// The tables of a schema.
pub struct Standing {
    /// Those that stand.
    pub tables: Tables,
    /// Why others do not, of those that are wanted.
    pub passed: BTreeMap<String, String>,
    /// All tables that a run would follow: those that the source was told.
    pub followed: Vec<String>,
}

/// Looks at the wanted tables. `why_not` says what else is in the way of one.
pub async fn standing(
    context: &SchemaContext,
    source: &SourceConnection,
    destination: &DestinationConnection,
    is_wanted: impl Fn(&str) -> bool,
    why_not: impl Fn(&Table) -> Option<String>,
) -> Result<Standing, RunError> {
    let findings = &mut Findings::of_tables(context.parking(&[]));
    let attempts = Some(&Attempts::default());
    let Selection { mut tables, aside, .. } =
        select_tables(context, source, Some(destination), attempts, findings).await?;
    let mut passed = why(context, findings);
    passed.extend(aside.into_iter().map(|table| (table, "it is parked or paused".to_owned())));
    let followed = tables.keys().cloned().collect();
    passed.retain(|name, _| is_wanted(name));
    tables.retain(|name, _| is_wanted(name));
    for (name, table) in &tables {
        let state = state_in_the_way(context, destination, name).await?;
        let why = match state.or_else(|| why_not(table)) {
            None if !other_rules(context, destination, table).await?.is_empty() => {
                Some("its rules are other ones: a run copies it again".to_owned())
            }
            why => why,
        };
        passed.extend(why.map(|why| (name.clone(), why)));
    }
    tables.retain(|name, _| !passed.contains_key(name));
    Ok(Standing { tables, passed, followed })
}

/// What is wrong with single tables, in words.
pub fn why(context: &SchemaContext, findings: &mut Findings) -> BTreeMap<String, String> {
    let parking = context.parking(&[]);
    let errors = findings.drain();
    let tables = |error: &RunError| parking.tables_of(error).into_iter();
    errors.iter().flat_map(|error| tables(error).map(|table| (table, error.chain()))).collect()
}

/// The state of a table that is not copied to its end: a run does, and its rows are as they will be only then.
pub async fn state_in_the_way(
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

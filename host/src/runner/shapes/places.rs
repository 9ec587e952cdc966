//! Where tables are kept: no two in one place, and none on top of what somebody else keeps.
//!
//! Only the destination knows what it makes of names: it may not tell upper and lower case apart, or
//! have no schemas. So it is asked before anything is written.

use miette::Diagnostic;

use super::stored::stored_shape;
use crate::{
    model::{Action, Location, TablePlace},
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        findings::Findings,
        state::CHANGES,
        table::{Table, TableRules},
    },
};

/// Takes note of tables that cannot be kept where the operator wants them.
pub async fn check_places<'t>(
    context: &SchemaContext,
    destination: &DestinationConnection,
    tables: impl Iterator<Item = &'t Table>,
    findings: &mut Findings,
) -> Result<(), RunError> {
    let tables: Vec<&Table> = tables.collect();
    let places: Vec<_> = tables.iter().map(|table| table.place(context.name())).collect();
    let locations = locate(context, destination, &tables, &places, findings).await?;
    for ((table, place), location) in tables.into_iter().zip(&places).zip(locations) {
        let Some(location) = location else { continue };
        let Some(fault) = fault(context, destination, table, place, location).await? else {
            continue;
        };
        let is_late = is_late(context, destination, table).await?;
        findings.add(if is_late { of_table(table, &fault) } else { fault })?;
    }
    Ok(())
}

/// Where the destination keeps each; none where the name is impossible. It is asked about parts of a list that it
/// refuses, so that each such name is named.
async fn locate(
    context: &SchemaContext,
    destination: &DestinationConnection,
    tables: &[&Table],
    places: &[TablePlace],
    findings: &mut Findings,
) -> Result<Vec<Option<Location>>, RunError> {
    let mut locations: Vec<Option<Location>> = places.iter().map(|_| None).collect();
    let mut open = vec![(0, places.len())];
    while let Some((start, end)) = open.pop() {
        let located = match places.get(start..end) {
            None | Some([]) => continue,
            Some(places) => destination.locate(context.name(), places).await,
        };
        match located {
            Ok(found) => {
                let slots = locations.iter_mut().skip(start);
                slots.zip(found).for_each(|(slot, location)| *slot = Some(location));
            }
            Err(error) if error.action() != Action::Config => return Err(error.into()),
            Err(error) if end - start == 1 => {
                let own = tables.get(start).filter(|table| !has_place_of_its_own(context, table));
                let error = match own {
                    Some(table) => error.about(&table.source.name),
                    None => error,
                };
                findings.add(error.into())?;
            }
            Err(_) => {
                let middle = start.midpoint(end);
                open.extend([(middle, end), (start, middle)]);
            }
        }
    }
    Ok(locations)
}

/// Whether the configuration says where a table is kept, so that what is wrong with its name is a mistake there.
fn has_place_of_its_own(context: &SchemaContext, table: &Table) -> bool {
    let mut entries = context.schema.tables.iter();
    entries
        .any(|entry| entry.name.as_str() == table.source.name && entry.destination_table.is_some())
}

/// Whether a table came while its schema was followed: what it collides with was there first.
async fn is_late(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &Table,
) -> Result<bool, RunError> {
    let (schema, name) = (context.name(), &table.source.name);
    let has_begun = destination.get_marker(schema, CHANGES).await?.is_some();
    Ok(has_begun && stored_shape(destination, schema, name).await?.is_none())
}

/// The same as a matter of that table alone.
fn of_table(table: &Table, fault: &RunError) -> RunError {
    let help = fault.help().map(|help| help.to_string()).unwrap_or_default();
    RunError::Unfit { table: table.source.name.clone(), what: fault.to_string(), help }
}

async fn fault(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &Table,
    place: &TablePlace,
    location: Location,
) -> Result<Option<RunError>, RunError> {
    let Location { identity, exists, owner } = location;
    let of = TablePlace { schema: context.name().to_owned(), table: table.source.name.clone() };
    let is_nobodys = exists && owner.is_none();
    let kept = owner.filter(|owner| exists && *owner != of);
    // A place that is another one's is not taken from it.
    if let Some(other) = kept.or_else(|| context.places.take(identity, &of)) {
        let (other, place) = (Box::new(other), Box::new(place.clone()));
        return Ok(Some(RunError::PlaceTaken { of, other, place }));
    }
    let is_found = is_nobodys && kept_here(context, destination, table).await? == Some(false);
    Ok(is_found.then(|| RunError::PlaceFull { of, place: place.clone() }))
}

/// Whether the rows of a table that is remembered are where they are to be kept now.
async fn kept_here(
    context: &SchemaContext,
    destination: &DestinationConnection,
    table: &Table,
) -> Result<Option<bool>, RunError> {
    let known = stored_shape(destination, context.name(), &table.source.name).await?;
    let before = known.and_then(|known| known.rules);
    let now = TableRules::new(&table.settings, Default::default());
    Ok(before.map(|before| !before.keeps_elsewhere(&now)))
}

//! Where tables are kept: no two in one place, and none on top of what somebody else keeps.
//!
//! Only the destination knows what it makes of names: it may not tell upper and lower case apart, or
//! have no schemas. So it is asked before anything is written.

use super::stored::stored_shape;
use crate::{
    model::{Location, TablePlace},
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        findings::Findings,
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
    let locations = match destination.locate(context.name(), &places).await {
        Ok(locations) => locations.into_iter().map(Some).collect(),
        Err(error) => {
            let error = error.into();
            if !findings.go_on_behind(&error) || places.len() < 2 {
                return findings.add(error);
            }
            locate_each(context, destination, &places, findings).await?
        }
    };
    for ((table, place), location) in tables.into_iter().zip(&places).zip(locations) {
        let Some(location) = location else { continue };
        let fault = fault(context, destination, table, place, location).await?;
        fault.map_or(Ok(()), |fault| findings.add(fault))?;
    }
    Ok(())
}

/// So that each name that is impossible is named.
async fn locate_each(
    context: &SchemaContext,
    destination: &DestinationConnection,
    places: &[TablePlace],
    findings: &mut Findings,
) -> Result<Vec<Option<Location>>, RunError> {
    let mut locations = Vec::with_capacity(places.len());
    for place in places {
        let located = destination.locate(context.name(), std::slice::from_ref(place)).await;
        let location = findings.take(located.map_err(RunError::from))?;
        locations.push(location.and_then(|location| location.into_iter().next()));
    }
    Ok(locations)
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
    if let Some(other) = context.places.take(identity, &of).or(kept) {
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

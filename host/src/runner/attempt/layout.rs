//! The layout of everything that is stored about a schema: what its markers are called and what they mean.
//!
//! Every program reads what older ones stored, for which files of them are kept in `tests/archive`. A newer
//! layout may mean something else by a marker that looks the same, so it is refused as a whole, before
//! anything is read or written by it.

use crate::{
    model::Marker,
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        state::{LAYOUT, marker, read},
    },
};

/// Raised when a program of the layout before would misread what this one stores.
const LAYOUT_NOW: u64 = 1;

/// The layout of a state from before layouts were counted.
const LAYOUT_FIRST: u64 = 1;

/// What says so, stored under each claim.
pub fn layout_marker() -> Marker {
    marker(LAYOUT.into(), &LAYOUT_NOW)
}

/// Refuses what only a newer program can read.
pub async fn check_layout(
    context: &SchemaContext,
    destination: &DestinationConnection,
) -> Result<(), RunError> {
    let schema = context.name();
    let stored: Option<u64> = read(destination, schema, LAYOUT).await?;
    let found = stored.unwrap_or(LAYOUT_FIRST);
    if found <= LAYOUT_NOW {
        return Ok(());
    }
    Err(RunError::NewerState { schema: schema.to_owned(), found, known: LAYOUT_NOW })
}

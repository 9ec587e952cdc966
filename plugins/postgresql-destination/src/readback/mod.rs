//! Rows that are read back, to be compared with the source's.
//!
//! They come as the server's text, which is the same text for a type that the source has read too, and needs no form
//! of its own for each type that a column may have.

mod lookup;
mod scan;
mod value;

use cartridge_warp_sdk::sql::Reading;
use postgresql_client::names::quoted;

pub(crate) use lookup::look_up;
pub(crate) use scan::read;

use crate::refusal::Refusal;
use crate::scope::Scope;

/// What a row is called in the statements.
const ROW: &str = "t";

/// Texts must not depend on settings, and rows have to come in the order of their places.
const SETTINGS: &str = "SET bytea_output = hex; SET synchronize_seqscans = off;
    SET max_parallel_workers_per_gather = 0";

/// Makes the session ready.
fn prepare(scope: Scope<'_>) -> Result<(), Refusal> {
    scope.session.run(SETTINGS)
}

/// The columns as a list.
fn columns(reading: &Reading) -> String {
    let columns = reading.columns().map(|kept| format!("{ROW}.{}", quoted(&kept.column.name)));
    columns.collect::<Vec<_>>().join(", ")
}

/// The condition of rows that are marked as deleted; none where none is.
fn deleted(reading: &Reading) -> Option<String> {
    let soft = reading.table.soft_column.as_ref()?;
    Some(format!("{ROW}.{} IS TRUE", quoted(soft)))
}

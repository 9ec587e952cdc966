//! Remembers the shape of each table as it was accepted, in the marker `shape/T`.
//!
//! A source says anew at each start what its tables look like. Only against the remembered shape can
//! a change that happened in between be seen, and decided about by the same rules as one that comes
//! with the stream.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    RunError,
    deliver::Writer,
    evolve::{self, Evolved},
    journal::Entry,
    names::listed,
    replace,
    state::{TableState, marker, read, shape_stream},
    table::{Table, unencodable},
};
use crate::{
    model::{Marker, TableShape},
    plugin::{WireError, decode_schema, table_schema},
    schema::News,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredShape {
    /// The Arrow IPC schema message, reserved columns not included.
    schema: Vec<u8>,
    key: Vec<String>,
    /// Counts the shapes that the table has had.
    version: u32,
}

impl StoredShape {
    /// The shape and its version. A destination may have changed what it stored for us.
    pub(super) fn open(self, table: &str) -> Result<(TableShape, u32), WireError> {
        let Self { schema, key, version } = self;
        let schema = Arc::clone(&decode_schema(Bytes::from(schema))?.arrow);
        Ok((TableShape { name: table.to_owned(), schema, key, estimated_rows: None }, version))
    }
}

/// Remembers a table's present shape as its next version, in one commit with `more`.
pub async fn accept_shape(
    writer: &Writer,
    table: &mut Table,
    evolution: Evolution,
    more: Vec<Marker>,
) -> Result<(), RunError> {
    let mut counted = writer.quota.hold(writer).await?;
    let is_first = table.version == 0;
    table.count_shape();
    let shape = shape_marker(table)?;
    counted.add_shape(&table.source.name, shape.value.as_ref().map_or(0, Vec::len), is_first)?;
    let markers = more.into_iter().chain([shape, counted.marker()]);
    writer.commit_markers(markers.collect()).await?;
    counted.committed();
    let Evolution { what, compatible } = evolution;
    let (shape, version) = (&table.source, table.version);
    let entry = Entry::Shaped { table: shape, version, evolution: &what, compatible };
    writer.journal.write(&entry).await;
    Ok(())
}

/// How a shape came about.
pub struct Evolution {
    /// The changes in words.
    pub what: String,
    /// Whether what could be read before can still be read.
    pub compatible: bool,
}

impl Evolution {
    /// The first shape that is seen of a table.
    pub fn initial() -> Self {
        Self { what: "initial".to_owned(), compatible: true }
    }
}

/// Remembers a table's present shape, in a commit of the caller's.
pub(super) fn shape_marker(table: &Table) -> Result<Marker, RunError> {
    let TableShape { name, schema, key, .. } = &table.source;
    let encoded = table_schema(schema.clone()).map_err(|cause| unencodable(name, cause))?;
    let stored =
        StoredShape { schema: encoded.message.to_vec(), key: key.clone(), version: table.version };
    Ok(marker(shape_stream(name), &stored))
}

/// Makes the destination's tables, and carries over what changed since the last run. A table that
/// is about to be emptied has no past, unless its state keeps it.
pub async fn prepare_tables(
    writer: &Writer,
    states: &[(String, TableState)],
) -> Result<(), RunError> {
    let mut tables = writer.tables.lock().await;
    let mut again = None;
    for table in tables.values_mut() {
        let emptied = TableState::Pending { truncate: true, keep_shape: false };
        let forget =
            states.iter().any(|(name, state)| *name == table.source.name && *state == emptied);
        if prepare_table(writer, table, forget).await? == Evolved::CopyAgain {
            again.get_or_insert_with(|| table.source.name.clone());
        }
    }
    match again {
        Some(table) => Err(RunError::CopyAgain { table }),
        None => Ok(()),
    }
}

/// Makes the destination's table. Where a shape of it is remembered, the table goes on from that one:
/// what is other by now follows the rules for changes.
pub async fn prepare_table(
    writer: &Writer,
    table: &mut Table,
    forget: bool,
) -> Result<Evolved, RunError> {
    let stored = stored_shape(writer, &table.source.name).await?;
    table.version = stored.as_ref().map_or(0, |(_, version)| *version);
    let past = match stored {
        Some((stored, _)) if !forget => {
            return go_on(writer, table, stored).await;
        }
        past => past,
    };
    if past.is_none() {
        // Refused before the destination has it.
        writer.quota.hold(writer).await?.add_shape(&table.source.name, 0, true)?;
    }
    replace::make(writer, table, past.as_ref().map(|(past, _)| past)).await?;
    // Nothing is committed without need: an attempt that commits counts as progress.
    if past.is_none_or(|(past, _)| !is_same(&past, &table.source)) {
        accept_shape(writer, table, Evolution::initial(), Vec::new()).await?;
    }
    Ok(Evolved::Kept)
}

/// Carries over what the source describes otherwise than it did.
async fn go_on(
    writer: &Writer,
    table: &mut Table,
    stored: TableShape,
) -> Result<Evolved, RunError> {
    let now = table.remember(stored);
    let news = table.compare_with(&now.schema);
    if news.unclear.is_none() {
        check_key(table, &news, &now)?;
        writer.create_table(table).await?;
    }
    let evolved = evolve::apply(writer, table, news).await?;
    // Nothing is committed without need: an attempt that commits counts as progress.
    if evolved != Evolved::CopyAgain && table.adopt(&now.schema) {
        writer.commit_markers(vec![shape_marker(table)?]).await?;
    }
    Ok(evolved)
}

/// Whether two shapes have the same columns and the same key.
fn is_same(one: &TableShape, other: &TableShape) -> bool {
    one.schema == other.schema && one.key == other.key
}

/// Rows are found again by their key, so another key is another table.
fn check_key(table: &Table, news: &News, now: &TableShape) -> Result<(), RunError> {
    let TableShape { name, .. } = &table.source;
    // Renamed columns are the same key.
    let renamed = news.changes.last().and_then(|change| change.after.as_ref());
    let key = &renamed.unwrap_or(&table.source).key;
    if *key == now.key {
        return Ok(());
    }
    Err(RunError::Unusable {
        what: format!(
            "the key of table `{name}` was ({}) and is now ({})",
            listed(key),
            listed(&now.key)
        ),
        help: format!("go back to the old key, or copy it anew with --full-resync={name}"),
    })
}

/// The remembered shape and its version.
async fn stored_shape(writer: &Writer, table: &str) -> Result<Option<(TableShape, u32)>, RunError> {
    let (schema, stream) = (writer.context.name(), shape_stream(table));
    let stored: Option<StoredShape> = read(&writer.destination, schema, &stream).await?;
    let stored = stored.map(|stored| stored.open(table)).transpose();
    stored.map_err(|cause| unencodable(table, cause))
}

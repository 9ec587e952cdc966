//! Remembers the shape of each table as it was accepted, and the rules that its rows went through, in the
//! marker `shape/T`.
//!
//! A source says anew at each start what its tables look like. Only against the remembered shape can
//! a change that happened in between be seen, and decided about by the same rules as one that comes
//! with the stream.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    model::{Marker, TableShape},
    plugin::{DestinationConnection, WireError, decode_schema, table_schema},
    runner::{
        commit::{Entry, Writer},
        error::RunError,
        state::{marker, read, shape_stream},
        table::{Decisions, Table, TableRules, unencodable},
    },
    schema::identity,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredShape {
    /// The Arrow IPC schema message, reserved columns not included.
    schema: Vec<u8>,
    key: Vec<String>,
    /// Counts the shapes that the table has had.
    version: u32,
    /// None where a release stored it that did not compare them: they are taken to be those of now.
    #[serde(default)]
    rules: Option<TableRules>,
    #[serde(default, skip_serializing_if = "Decisions::is_empty")]
    decisions: Decisions,
}

/// What is remembered of a table.
#[derive(Debug)]
pub struct Remembered {
    /// As the source described it.
    pub shape: TableShape,
    /// Counts the shapes that it has had.
    pub version: u32,
    /// The rules by which its rows got their form, where they are known.
    pub rules: Option<TableRules>,
    /// What a person decided about changes of it.
    pub decisions: Decisions,
}

impl Remembered {
    /// The columns that have another name in this look at the table. Where columns cannot be told apart, none
    /// is known to: the table is copied again anyway.
    pub fn renames(&self, now: &TableShape) -> Vec<(String, String)> {
        identity::renames(&self.shape.schema, &now.schema).unwrap_or_default()
    }
}

impl StoredShape {
    /// What it says. A destination may have changed what it stored for us.
    pub fn open(self, table: &str) -> Result<Remembered, WireError> {
        let Self { schema, key, version, rules, decisions } = self;
        let schema = Arc::clone(&decode_schema(Bytes::from(schema))?.arrow);
        let shape = TableShape { name: table.to_owned(), schema, key, estimated_rows: None };
        Ok(Remembered { shape, version, rules, decisions })
    }
}

/// Remembers a table's present shape as its next version, in one commit with `more`.
pub async fn accept_shape(
    writer: &Writer,
    table: &mut Table,
    evolution: Evolution,
    more: Vec<Marker>,
) -> Result<(), RunError> {
    let mut counted = writer.count().await?;
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
pub fn shape_marker(table: &Table) -> Result<Marker, RunError> {
    let TableShape { name, schema, key, .. } = &table.source;
    let encoded = table_schema(schema.clone()).map_err(|cause| unencodable(name, cause))?;
    let stored = StoredShape {
        schema: encoded.message.to_vec(),
        key: key.clone(),
        version: table.version,
        rules: Some(table.rules()),
        decisions: table.decisions.clone(),
    };
    Ok(marker(shape_stream(name), &stored))
}

/// Remembers what is decided about a table beside the shape that it has; none where none is remembered.
pub async fn decided_marker(
    destination: &DestinationConnection,
    schema: &str,
    table: &str,
    decisions: Decisions,
) -> Result<Option<Marker>, RunError> {
    let stream = shape_stream(table);
    let stored: Option<StoredShape> = read(destination, schema, &stream).await?;
    Ok(stored.map(|stored| marker(stream, &StoredShape { decisions, ..stored })))
}

/// What is remembered of a table, if it is known.
pub async fn stored_shape(
    destination: &DestinationConnection,
    schema: &str,
    table: &str,
) -> Result<Option<Remembered>, RunError> {
    let stored: Option<StoredShape> = read(destination, schema, &shape_stream(table)).await?;
    let stored = stored.map(|stored| stored.open(table)).transpose();
    stored.map_err(|cause| unencodable(table, cause))
}

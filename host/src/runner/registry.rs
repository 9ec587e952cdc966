//! Remembers the shape of each table as it was accepted, in the marker `shape/T`.
//!
//! A source says anew at each start what its tables look like. Only against the remembered shape can
//! a change that happened in between be seen, and decided about by the same rules as one that comes
//! with the stream.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    RunError,
    deliver::Writer,
    evolve,
    state::{marker, read, shape_stream},
    table::{Table, unencodable},
};
use crate::{
    model::{Marker, TableShape},
    plugin::{decode_schema, table_schema},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredShape {
    /// The Arrow IPC schema message, reserved columns not included.
    schema: Vec<u8>,
    key: Vec<String>,
}

/// The marker that remembers a table's present shape.
pub fn shape_marker(table: &Table) -> Result<Marker, RunError> {
    let TableShape { name, schema, key, .. } = &table.source;
    let encoded = table_schema(schema.clone()).map_err(|cause| unencodable(name, cause))?;
    let stored = StoredShape { schema: encoded.message.to_vec(), key: key.clone() };
    Ok(marker(shape_stream(name), &stored))
}

/// Makes the destination's tables, and carries over what changed since the last run.
pub async fn prepare_tables(writer: &Writer, forget: bool) -> Result<(), RunError> {
    let mut tables = writer.tables.lock().await;
    for table in tables.values_mut() {
        let stored = if forget { None } else { stored_shape(writer, &table.source.name).await? };
        let Some(stored) = stored else {
            writer.create_table(table).await?;
            writer.commit_markers(vec![shape_marker(table)?]).await?;
            continue;
        };
        let now = table.remember(stored);
        check_key(table, &now)?;
        writer.create_table(table).await?;
        let news = table.compare_with(&now.schema);
        if !news.is_empty() {
            evolve::apply(writer, table, news).await?;
        }
    }
    Ok(())
}

/// Rows are found again by their key, so another key is another table.
fn check_key(table: &Table, now: &TableShape) -> Result<(), RunError> {
    let TableShape { name, key, .. } = &table.source;
    if *key == now.key {
        return Ok(());
    }
    Err(RunError::Unusable {
        what: format!(
            "the key of table `{name}` was ({}) and is now ({})",
            key.join(", "),
            now.key.join(", ")
        ),
        help: "go back to the old key, or copy anew with --full-resync".into(),
    })
}

async fn stored_shape(writer: &Writer, table: &str) -> Result<Option<TableShape>, RunError> {
    let (schema, stream) = (writer.context.name(), shape_stream(table));
    let Some(value) = writer.destination.get_marker(schema, &stream).await? else {
        return Ok(None);
    };
    let stored: StoredShape = read(schema, &stream, &value)?;
    let decoded =
        decode_schema(Bytes::from(stored.schema)).map_err(|cause| unencodable(table, cause))?;
    let arrow = decoded.arrow.clone();
    Ok(Some(TableShape {
        name: table.to_owned(),
        schema: arrow,
        key: stored.key,
        estimated_rows: None,
    }))
}

//! From columns to messages.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{
    DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteOptions, write_message,
};
use arrow_schema::{ArrowError, SchemaRef};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::WireError;
use crate::{
    model::{TableBatch, TableSchema},
    plugin::hex,
};

/// The schema as it travels: its message, and the id that is the message's hash.
pub fn table_schema(arrow: SchemaRef) -> Result<Arc<TableSchema>, WireError> {
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(true);
    let encoded =
        IpcDataGenerator {}.schema_to_bytes_with_dictionary_tracker(&arrow, &mut tracker, &options);
    let message = encapsulate(encoded, &options)?;
    let id = schema_id(&message);
    Ok(Arc::new(TableSchema { id, message, arrow }))
}

/// First 32 hex digits of the message's SHA-256.
pub(super) fn schema_id(message: &[u8]) -> String {
    let digest = Sha256::digest(message);
    hex(digest.get(..16).unwrap_or(&digest))
}

/// Puts columns into a batch. Their schema must be the one of `schema`.
pub fn encode_batch(
    table: &str,
    schema: &Arc<TableSchema>,
    columns: RecordBatch,
) -> Result<TableBatch, WireError> {
    if columns.schema_ref().fields() != schema.arrow.fields() {
        return Err(WireError::new(format!("table `{table}`: the rows have another schema")));
    }
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(true);
    let (_, encoded) = IpcDataGenerator {}
        .encode(&columns, &mut tracker, &options, &mut Default::default())
        .map_err(|error| refused(&error))?;
    let rows = encapsulate(encoded, &options)?;
    Ok(TableBatch { table: table.to_owned(), schema: Arc::clone(schema), rows, columns })
}

fn encapsulate(encoded: EncodedData, options: &IpcWriteOptions) -> Result<Bytes, WireError> {
    let mut message =
        Vec::with_capacity(encoded.ipc_message.len() + encoded.arrow_data.len() + 128);
    write_message(&mut message, encoded, options).map_err(|error| refused(&error))?;
    Ok(message.into())
}

fn refused(error: &ArrowError) -> WireError {
    WireError::new(error.to_string())
}

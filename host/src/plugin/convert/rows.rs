//! Rows of a source, and the schemas its connection has shown so far.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::bounds::{bounded_name, count, malformed, name};
use crate::{
    model::{TableBatch, TableSchema},
    plugin::{
        Cause,
        bindings::source::cartridge::warp::types as wit,
        limits::{SCHEMAS_BYTES_MAX, SCHEMAS_MAX, TABLES_MAX, WORD_BYTES_MAX},
        wire::{WireError, decode_batch, decode_schema},
    },
};

/// Schemas by the id that the guest gave them. The model's id is the message's hash, so that a
/// guest can't give one name to two schemas.
#[derive(Default)]
pub(in crate::plugin) struct Schemas {
    by_id: HashMap<String, Arc<TableSchema>>,
    bytes: usize,
}

impl Schemas {
    pub(super) fn batches(
        &mut self,
        batches: Vec<wit::TableBatch>,
        rows_max: u32,
    ) -> Result<Vec<TableBatch>, Cause> {
        count("table batches", batches.len(), TABLES_MAX)?;
        let rows: u64 = batches.iter().map(|batch| u64::from(batch.row_count)).sum();
        if rows > u64::from(rows_max) {
            return Err(malformed(format!("{rows} rows, {rows_max} were asked for")));
        }
        batches.into_iter().map(|batch| self.batch(batch)).collect()
    }

    fn batch(&mut self, batch: wit::TableBatch) -> Result<TableBatch, Cause> {
        let table = name("table", batch.table)?;
        let broken = |error: WireError| malformed(format!("table `{table}`: {error}"));
        let schema = self.schema(batch.schema_id, batch.arrow_schema, &broken)?;
        let rows = Bytes::from(batch.rows);
        let columns = decode_batch(&schema, &rows, batch.row_count).map_err(broken)?;
        Ok(TableBatch { table, schema, rows, columns })
    }

    fn schema(
        &mut self,
        id: String,
        message: Option<Vec<u8>>,
        broken: &dyn Fn(WireError) -> Cause,
    ) -> Result<Arc<TableSchema>, Cause> {
        match (self.by_id.get(&id), message) {
            (Some(known), None) => Ok(Arc::clone(known)),
            (Some(known), Some(message)) if known.message == message => Ok(Arc::clone(known)),
            (Some(_), Some(_)) => Err(malformed("a schema id is used for another schema")),
            (None, None) => Err(malformed("a schema id without its schema")),
            (None, Some(message)) => {
                count("schemas", self.by_id.len() + 1, SCHEMAS_MAX)?;
                self.bytes = self.bytes.saturating_add(message.len());
                count("bytes of schemas", self.bytes, SCHEMAS_BYTES_MAX)?;
                let id = bounded_name("schema id", id, WORD_BYTES_MAX)?;
                let schema = decode_schema(message.into()).map_err(broken)?;
                self.by_id.insert(id, Arc::clone(&schema));
                Ok(schema)
            }
        }
    }
}

//! Rows of a source, and the schemas its connection has shown so far.

use std::{collections::HashMap, sync::Arc};

use super::{
    bounds::{bounded_name, count, malformed, name},
    kept::Ledgered,
};
use crate::{
    model::{TableBatch, TableSchema},
    plugin::{
        Cause, Resource,
        bindings::source::cartridge::warp::types as wit,
        ledger::{Account, Charge},
        limits::{SCHEMAS_BYTES_MAX, SCHEMAS_MAX, TABLES_MAX, WORD_BYTES_MAX},
        wire::{WireError, decode_batch, decode_schema, schema_bytes},
    },
};

/// Schemas by the id that the guest gave them. The model's id is the message's hash, so that a
/// guest can't give one name to two schemas.
pub(in crate::plugin) struct Schemas {
    by_id: HashMap<String, Arc<TableSchema>>,
    bytes: usize,
    /// What they take of the host's memory.
    held: Charge,
    account: Account,
}

impl Schemas {
    pub(in crate::plugin) fn new(account: Account) -> Self {
        let held = account.nothing(Resource::Memory);
        Self { by_id: HashMap::new(), bytes: 0, held, account }
    }

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
        let columns = schema.arrow.fields().len();
        let rows = Ledgered::rows(batch.rows, columns, &self.account)?;
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
                let message_bytes = message.len() as u64;
                let schema = decode_schema(message.into()).map_err(broken)?;
                let bytes = message_bytes.saturating_add(schema_bytes(&schema.arrow));
                let held = self.held.amount().saturating_add(bytes);
                self.held.resize(held).map_err(Cause::Exhausted)?;
                self.by_id.insert(id, Arc::clone(&schema));
                Ok(schema)
            }
        }
    }
}

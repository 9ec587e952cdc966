//! Arrow IPC messages to rows, without copying where the bytes are aligned.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::read_record_batch;
use arrow_schema::{Schema, SchemaRef};

use super::{EncodedRows, bounds};
use crate::row::Layout;
use crate::row::TableRows;
use crate::{Failure, Operation};

/// Schemas that one connection remembers.
const SCHEMAS_MAX: usize = 65_536;

/// Decodes the batches of one connection.
#[derive(Default)]
pub struct Decoder {
    known: HashMap<String, (SchemaRef, Arc<Layout>)>,
}

impl Decoder {
    /// Decodes rows; a schema message is remembered under its id.
    ///
    /// # Errors
    /// `stop` with the code `malformed-batch` when the bytes are not what they claim to be.
    pub fn decode(&mut self, encoded: EncodedRows) -> Result<TableRows, Failure> {
        let EncodedRows { table, schema_id, arrow_schema, rows, row_count } = encoded;
        if let Some(message) = arrow_schema {
            self.remember(&schema_id, &message)?;
        }
        let (schema, layout) = self
            .known
            .get(&schema_id)
            .ok_or_else(|| malformed(&table, "its schema was never sent"))?;
        let batch = read(rows, schema.clone()).map_err(|why| malformed(&table, &why))?;
        if batch.num_rows() != row_count as usize {
            return Err(malformed(&table, "the row count disagrees"));
        }
        let rows = TableRows::with_layout(table, batch, layout.clone());
        check_operations(&rows)?;
        Ok(rows)
    }

    fn remember(&mut self, id: &str, message: &[u8]) -> Result<(), Failure> {
        if self.known.len() == SCHEMAS_MAX && !self.known.contains_key(id) {
            return Err(Failure::reconnect(
                "too-many-schemas",
                format!("one connection got over {SCHEMAS_MAX} row schemas"),
            ));
        }
        let schema = decode_schema(message)?;
        let layout = Arc::new(Layout::of(&schema)?);
        self.known.insert(id.to_owned(), (Arc::new(schema), layout));
        Ok(())
    }
}

/// Decodes an encapsulated schema message.
///
/// # Errors
/// `stop` with the code `malformed-schema`.
pub fn decode_schema(message: &[u8]) -> Result<Schema, Failure> {
    arrow_ipc::convert::try_schema_from_ipc_buffer(message).map_err(|error| {
        Failure::stop("malformed-schema", "a table's schema is not a valid Arrow message")
            .detail(error.to_string())
    })
}

fn read(bytes: Vec<u8>, schema: SchemaRef) -> Result<RecordBatch, String> {
    let (message, body_at) = bounds::split(&bytes)?;
    let header = message.header_as_record_batch().ok_or("not a record batch")?;
    let body = bytes.len() - body_at;
    if usize::try_from(message.bodyLength()) != Ok(body) {
        return Err("the body is not as long as it says".to_owned());
    }
    bounds::check(&header, &schema, body)?;
    let version = message.version();
    // The header borrows the bytes, so they are parsed again once Arrow owns them: microseconds,
    // where a copy of the body would cost more.
    let buffer = Buffer::from_vec(bytes);
    let body = buffer.slice(body_at);
    let (message, _) = bounds::split(&buffer)?;
    let header = message.header_as_record_batch().ok_or("not a record batch")?;
    read_record_batch(&body, header, schema, &HashMap::new(), None, &version)
        .map_err(|error| error.to_string())
}

/// `_op` has no nulls and no unknown numbers, so that nobody has to ask again.
fn check_operations(rows: &TableRows) -> Result<(), Failure> {
    match rows.operations() {
        None => Ok(()),
        Some(ops) if ops.null_count() > 0 => Err(malformed(rows.table(), "_op has nulls")),
        Some(ops) if ops.values().iter().any(|op| Operation::from_code(*op).is_none()) => {
            Err(malformed(rows.table(), "_op has an unknown operation"))
        }
        Some(_) => Ok(()),
    }
}

fn malformed(table: &str, why: &str) -> Failure {
    Failure::stop("malformed-batch", format!("a batch for table {table} is malformed: {why}"))
}

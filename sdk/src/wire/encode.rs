//! Rows to Arrow IPC messages: uncompressed, padded to eight bytes.

use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::EncodedRows;
use crate::{Failure, TableRows};

/// Schemas that one connection may have; beyond that a source mistakes rows for schemas.
const SCHEMAS_MAX: usize = 65_536;

struct Known {
    schema: SchemaRef,
    id: String,
    /// Arrow's stream writer, which keeps its scratch space from batch to batch. The schema message
    /// that it began with has been taken out.
    writer: StreamWriter<Vec<u8>>,
}

/// Encodes the batches of one connection.
#[derive(Default)]
pub struct Encoder {
    known: Vec<Known>,
}

impl Encoder {
    /// Encodes rows, with the schema message if this is the first batch of its schema.
    ///
    /// # Errors
    /// `stop` when there are more rows or schemas than a connection may have.
    pub fn encode(&mut self, rows: &TableRows) -> Result<EncodedRows, Failure> {
        let (at, arrow_schema) = self.find(rows.record_batch().schema_ref())?;
        let known = &mut self.known[at];
        known.writer.write(rows.record_batch()).map_err(refused)?;
        Ok(EncodedRows {
            table: rows.table().to_owned(),
            schema_id: known.id.clone(),
            arrow_schema,
            rows: std::mem::take(known.writer.get_mut()),
            row_count: u32::try_from(rows.len())
                .map_err(|_| Failure::stop("batch-encoding", "a batch has over 2^32 rows"))?,
        })
    }

    /// The place of a schema, and its message if it is new.
    fn find(&mut self, schema: &SchemaRef) -> Result<(usize, Option<Vec<u8>>), Failure> {
        let same = |known: &Known| std::sync::Arc::ptr_eq(&known.schema, schema);
        if let Some(at) = self.known.iter().position(same) {
            return Ok((at, None));
        }
        if let Some(at) = self.known.iter().position(|known| known.schema == *schema) {
            // A new writer of an old shape: compare by pointer from now on.
            self.known[at].schema = schema.clone();
            return Ok((at, None));
        }
        if self.known.len() == SCHEMAS_MAX {
            return Err(Failure::stop(
                "too-many-schemas",
                format!("one connection used over {SCHEMAS_MAX} row schemas"),
            ));
        }
        let mut writer = stream_writer(schema).map_err(refused)?;
        let message = std::mem::take(writer.get_mut());
        let id = self.unused_id(&message);
        self.known.push(Known { schema: schema.clone(), id, writer });
        Ok((self.known.len() - 1, Some(message)))
    }

    /// The message's hash; made different should two schemas ever share it.
    fn unused_id(&self, message: &[u8]) -> String {
        let mut hash = fnv1a(message);
        while self.known.iter().any(|known| known.id == format!("{hash:032x}")) {
            hash = hash.wrapping_add(1);
        }
        format!("{hash:032x}")
    }
}

/// Encodes a schema as one encapsulated message.
///
/// # Errors
/// `stop` when a type cannot be encoded.
pub fn encode_schema(schema: &Schema) -> Result<Vec<u8>, Failure> {
    let mut writer = stream_writer(schema).map_err(refused)?;
    Ok(std::mem::take(writer.get_mut()))
}

fn stream_writer(schema: &Schema) -> Result<StreamWriter<Vec<u8>>, ArrowError> {
    let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5)?;
    StreamWriter::try_new_with_options(Vec::new(), schema, options)
}

fn refused(error: ArrowError) -> Failure {
    Failure::stop("batch-encoding", "rows could not be encoded as Arrow").detail(error.to_string())
}

/// 128-bit FNV-1a: names schemas, guards nothing.
fn fnv1a(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

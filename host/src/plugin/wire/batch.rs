//! Record batch messages: the rows.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::{MetadataVersion, reader::read_record_batch};
use bytes::Bytes;

use super::{WireError, envelope, guarded, layout, reserved};
use crate::model::TableSchema;

/// Reads a record batch message of a guest. The columns share the message's memory, except where a
/// value must lie at an address that it does not.
pub fn decode_batch(
    schema: &TableSchema,
    rows: &Bytes,
    row_count: u32,
) -> Result<RecordBatch, WireError> {
    let envelope = envelope::open(rows)?;
    let header = envelope
        .message
        .header_as_record_batch()
        .ok_or_else(|| WireError::new("it is not a record batch message"))?;
    if header.length() != i64::from(row_count) {
        let said = header.length();
        return Err(WireError::new(format!("it has {said} rows, {row_count} were announced")));
    }
    if header.compression().is_some() {
        return Err(WireError::new("it is compressed"));
    }
    if header.variadicBufferCounts().is_some_and(|counts| !counts.is_empty()) {
        return Err(WireError::new("it uses views"));
    }
    let body = Buffer::from(rows.slice(envelope.body_start..));
    layout::check(&header, &schema.arrow, u64::from(row_count), body.len() as u64)?;
    let columns = guarded(|| {
        let arrow = schema.arrow.clone();
        read_record_batch(&body, header, arrow, &HashMap::new(), None, &MetadataVersion::V5)
    })?;
    reserved::check_values(&columns)?;
    Ok(columns)
}

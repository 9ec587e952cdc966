//! Checks a record batch message before Arrow's reader, which trusts lengths, sees it.

use arrow_ipc::{Message, RecordBatch, root_as_message};
use arrow_schema::{DataType, Field, Schema};

/// Begins every encapsulated message.
const CONTINUATION_MARKER: [u8; 4] = [0xff; 4];

/// Takes an encapsulated message apart: its header, and where its body begins.
pub(super) fn split(bytes: &[u8]) -> Result<(Message<'_>, usize), String> {
    let rest = bytes.strip_prefix(&CONTINUATION_MARKER).ok_or("no continuation marker")?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or("no metadata length")?;
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| "negative length")?;
    let metadata = rest.get(..length).ok_or("metadata runs past the end")?;
    let message = root_as_message(metadata).map_err(|error| error.to_string())?;
    Ok((message, CONTINUATION_MARKER.len() + 4 + length))
}

/// Every buffer lies within the body, every length makes sense, and buffers of offsets hold whole
/// offsets: on each of these Arrow's reader panics instead of answering.
pub(super) fn check(
    batch: &RecordBatch<'_>,
    schema: &Schema,
    body: usize,
) -> Result<(), &'static str> {
    if batch.compression().is_some() {
        return Err("compressed");
    }
    let rows = usize::try_from(batch.length()).map_err(|_| "negative row count")?;
    let nodes = batch.nodes().ok_or("no nodes")?;
    for node in nodes {
        // No column has more bits than the body; a list's items have nodes of their own.
        let length = usize::try_from(node.length()).map_err(|_| "negative length")?;
        let nulls = usize::try_from(node.null_count()).map_err(|_| "negative null count")?;
        if nulls > length || (length > rows && length > body.saturating_mul(8)) {
            return Err("a column is longer than the message");
        }
    }
    let buffers = batch.buffers().ok_or("no buffers")?;
    for buffer in buffers {
        let offset = usize::try_from(buffer.offset()).map_err(|_| "negative offset")?;
        let length = usize::try_from(buffer.length()).map_err(|_| "negative length")?;
        if offset.checked_add(length).is_none_or(|end| end > body) {
            return Err("a buffer runs past the end");
        }
    }
    let mut lengths = buffers.iter().map(|buffer| buffer.length());
    schema.fields().iter().try_for_each(|field| check_offsets(field, &mut lengths))
}

/// Passes over a column's buffers: validity, then offsets and what they point to, or values.
fn check_offsets(
    field: &Field,
    lengths: &mut impl Iterator<Item = i64>,
) -> Result<(), &'static str> {
    let mut next = || lengths.next().ok_or("too few buffers");
    next()?;
    let second = next()?;
    let offsets =
        matches!(field.data_type(), DataType::Utf8 | DataType::Binary | DataType::List(_));
    if offsets && second % size_of::<i32>() as i64 != 0 {
        return Err("a buffer of offsets ends within one");
    }
    match field.data_type() {
        DataType::List(item) => check_offsets(item, lengths),
        DataType::Utf8 | DataType::Binary => next().map(drop),
        _ => Ok(()),
    }
}

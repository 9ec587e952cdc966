//! Checks a record batch message before Arrow's reader, which trusts lengths, sees it.

use arrow_ipc::{Message, RecordBatch, root_as_message};

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

/// Every buffer lies within the body, and every length makes sense.
pub(super) fn check(batch: &RecordBatch<'_>, body: usize) -> Result<(), String> {
    if batch.compression().is_some() {
        return Err("compressed".to_owned());
    }
    let rows = usize::try_from(batch.length()).map_err(|_| "negative row count")?;
    let nodes = batch.nodes().ok_or("no nodes")?;
    for node in nodes {
        // No column has more bits than the body; a list's items have nodes of their own.
        let length = usize::try_from(node.length()).map_err(|_| "negative length")?;
        let nulls = usize::try_from(node.null_count()).map_err(|_| "negative null count")?;
        if nulls > length || (length > rows && length > body.saturating_mul(8)) {
            return Err("a column is longer than the message".to_owned());
        }
    }
    for buffer in batch.buffers().ok_or("no buffers")? {
        let offset = usize::try_from(buffer.offset()).map_err(|_| "negative offset")?;
        let length = usize::try_from(buffer.length()).map_err(|_| "negative length")?;
        if offset.checked_add(length).is_none_or(|end| end > body) {
            return Err("a buffer runs past the end".to_owned());
        }
    }
    Ok(())
}

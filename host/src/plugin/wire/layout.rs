//! Whether a record batch's nodes and buffers fit its schema and its body.
//!
//! After this every length is backed by bytes of the message, and buffers together are no larger
//! than the body, so decoding allocates at most the body once more (I8).

use arrow_ipc::{Buffer, FieldNode, RecordBatch};
use arrow_schema::{DataType, Schema};

use super::WireError;

/// Bytes of one offset of texts, bytes and lists.
const OFFSET_BYTES: u64 = 4;

struct Layout<N, B> {
    nodes: N,
    buffers: B,
    body_len: u64,
    /// Bytes that buffers claimed so far.
    claimed: u64,
}

pub(super) fn check(
    batch: &RecordBatch<'_>,
    schema: &Schema,
    rows: u64,
    body_len: u64,
) -> Result<(), WireError> {
    let (Some(nodes), Some(buffers)) = (batch.nodes(), batch.buffers()) else {
        return Err(WireError::new("it has no columns"));
    };
    let mut layout = Layout { nodes: nodes.iter(), buffers: buffers.iter(), body_len, claimed: 0 };
    for field in schema.fields() {
        layout.field(field.data_type(), Some(rows))?;
    }
    if layout.nodes.next().is_some() || layout.buffers.next().is_some() {
        return Err(WireError::new("it has more columns than its schema"));
    }
    Ok(())
}

impl<'a, N, B> Layout<N, B>
where
    N: Iterator<Item = &'a FieldNode>,
    B: Iterator<Item = &'a Buffer>,
{
    fn field(&mut self, data_type: &DataType, rows: Option<u64>) -> Result<(), WireError> {
        let node = self.nodes.next().ok_or_else(too_few)?;
        let length = u64::try_from(node.length()).map_err(|_| negative())?;
        let nulls = u64::try_from(node.null_count()).map_err(|_| negative())?;
        if rows.is_some_and(|rows| rows != length) || nulls > length {
            return Err(WireError::new("a column does not have as many values as there are rows"));
        }
        self.buffer(if nulls > 0 { length.div_ceil(8) } else { 0 })?;
        match data_type {
            DataType::Utf8 | DataType::Binary => {
                self.offsets(length)?;
                self.buffer(0)
            }
            DataType::List(item) => {
                self.offsets(length)?;
                self.field(item.data_type(), None)
            }
            DataType::Boolean => self.buffer(length.div_ceil(8)),
            DataType::FixedSizeBinary(width) => {
                self.values(length, u64::from(width.unsigned_abs()))
            }
            other => {
                let width = other.primitive_width().ok_or_else(too_few)?;
                self.values(length, width as u64)
            }
        }
    }

    /// A column without values may leave out its first offset, too.
    fn offsets(&mut self, length: u64) -> Result<(), WireError> {
        let count = if length == 0 { 0 } else { length.saturating_add(1) };
        let bytes = self.sized(count.saturating_mul(OFFSET_BYTES))?;
        // Arrow's reader takes the buffer for offsets to its end, and panics within one.
        if bytes % OFFSET_BYTES != 0 {
            return Err(WireError::new("a column's offsets end within one"));
        }
        Ok(())
    }

    fn values(&mut self, length: u64, width: u64) -> Result<(), WireError> {
        self.buffer(length.saturating_mul(width))
    }

    fn buffer(&mut self, bytes_min: u64) -> Result<(), WireError> {
        self.sized(bytes_min).map(drop)
    }

    /// The next buffer's length in bytes.
    fn sized(&mut self, bytes_min: u64) -> Result<u64, WireError> {
        let buffer = self.buffers.next().ok_or_else(too_few)?;
        let start = u64::try_from(buffer.offset()).map_err(|_| negative())?;
        let length = u64::try_from(buffer.length()).map_err(|_| negative())?;
        if length < bytes_min {
            return Err(WireError::new("a column has fewer bytes than values"));
        }
        let end = start.checked_add(length).filter(|end| *end <= self.body_len);
        if end.is_none() {
            return Err(WireError::new("a column lies outside of the message"));
        }
        self.claimed = self.claimed.saturating_add(length);
        if self.claimed > self.body_len {
            return Err(WireError::new("its columns overlap"));
        }
        Ok(length)
    }
}

fn too_few() -> WireError {
    WireError::new("it has fewer columns than its schema")
}

fn negative() -> WireError {
    WireError::new("it has a negative length")
}

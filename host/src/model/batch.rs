//! Rows of one table, columnar and already validated.
//!
//! A batch keeps both its decoded columns and the bytes they came in, so that it is forwarded
//! untouched when nothing had to change.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt8Array, cast::AsArray, types};
use arrow_schema::SchemaRef;
use bytes::Bytes;

/// Name of the reserved operation column.
pub const OP_COLUMN: &str = "_op";
/// Name of the reserved commit time column.
pub const TS_COLUMN: &str = "_ts";
/// Name of the reserved bitmap of values that the source did not send.
pub const UNCHANGED_COLUMN: &str = "_unchanged";

/// True for the columns that the batch format keeps for itself.
pub fn is_reserved(column: &str) -> bool {
    matches!(column, OP_COLUMN | TS_COLUMN | UNCHANGED_COLUMN)
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Operation {
    Insert = 0,
    Update = 1,
    Delete = 2,
    Truncate = 3,
    /// Read by a copy that the change stream overlaps: only the host says so, to logs.
    Snapshot = 4,
}

impl Operation {
    /// What a source may say.
    pub const ALL: [Self; 4] = [Self::Insert, Self::Update, Self::Delete, Self::Truncate];

    /// The word of metrics and dead letters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Truncate => "truncate",
            Self::Snapshot => "snapshot",
        }
    }
}

/// A schema as it travels: named by the hash of its IPC message, so equal schemas have equal ids.
#[derive(Debug)]
pub struct TableSchema {
    /// First 32 hex digits of the message's SHA-256.
    pub id: String,
    /// The encapsulated Arrow IPC schema message.
    pub message: Bytes,
    pub arrow: SchemaRef,
}

/// Rows of one table, in order.
#[derive(Clone, Debug)]
pub struct TableBatch {
    pub table: String,
    pub schema: Arc<TableSchema>,
    /// The encapsulated Arrow IPC record batch message that `columns` was read from.
    pub rows: Bytes,
    pub columns: RecordBatch,
}

impl TableBatch {
    pub fn row_count(&self) -> usize {
        self.columns.num_rows()
    }

    /// Size on the wire, in bytes.
    pub fn byte_count(&self) -> usize {
        self.rows.len()
    }

    /// Memory that it takes, beside its schema, which batches share.
    pub fn kept_bytes(&self) -> usize {
        let columns = self.columns.num_columns() * size_of::<ArrayRef>();
        size_of::<Self>() + self.table.len() + columns + self.rows.len()
    }

    fn operations(&self) -> Option<&UInt8Array> {
        self.column(OP_COLUMN)?.as_primitive_opt::<types::UInt8Type>()
    }

    fn column(&self, name: &str) -> Option<&ArrayRef> {
        self.columns.column_by_name(name)
    }

    /// Rows per operation, indexed by [`Operation`]. Without `_op` every row is an insert; one that was
    /// read by a copy counts as one, as it does where that is not said.
    pub fn operation_counts(&self) -> [u64; Operation::ALL.len()] {
        let mut counts = [0; Operation::ALL.len()];
        match self.operations() {
            None => counts[Operation::Insert as usize] = self.row_count() as u64,
            Some(ops) => {
                for op in ops.values() {
                    let is_copied = *op == Operation::Snapshot as u8;
                    let op = if is_copied { Operation::Insert as u8 } else { *op };
                    if let Some(count) = counts.get_mut(usize::from(op)) {
                        *count += 1;
                    }
                }
            }
        }
        counts
    }

    /// Which rows are there behind their change, as those of a copy are; none where all are.
    pub fn present(&self) -> Option<BooleanArray> {
        let is_present = |operation: &u8| {
            let there = [Operation::Insert, Operation::Update, Operation::Snapshot];
            there.iter().any(|it| *it as u8 == *operation)
        };
        let present = self.operations()?.values().iter().map(is_present).collect::<Vec<_>>();
        (!present.iter().all(|is_present| *is_present)).then(|| present.into())
    }

    /// The newest commit time among the rows, in microseconds since 1970 UTC.
    pub fn newest_commit_us(&self) -> Option<i64> {
        let times =
            self.column(TS_COLUMN)?.as_primitive_opt::<types::TimestampMicrosecondType>()?;
        (0..times.len()).filter(|&i| times.is_valid(i)).map(|i| times.value(i)).max()
    }
}

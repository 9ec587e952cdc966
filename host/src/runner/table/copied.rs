//! Rows of a copy in a log.
//!
//! A change of the time of the copy may be in the copied row already, and stands in the log once more when
//! the stream tells it. Rows that say that they are of the copy let readers tell the two apart.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt8Array};
use arrow_schema::{DataType, Field, Schema};

use super::{Table, unencodable};
use crate::{
    model::{Operation, TableBatch, batch::OP_COLUMN},
    plugin::{encode_batch, table_schema},
    runner::error::RunError,
};

impl Table {
    /// Whether each change is a row of its own, and those of the time of the copy are in it, too.
    pub(super) fn is_told_twice(&self) -> bool {
        self.appends() && !self.promises.exact_snapshot
    }

    /// Whether its changes may come between two reads of its copy: what is read is no older than they are, and rows
    /// replace each other by their key.
    pub fn may_change_while_copied(&self) -> bool {
        !self.promises.exact_snapshot && !self.appends() && !self.source.key.is_empty()
    }

    /// Rows of a copy, which say so where their changes may come once more.
    pub fn copied(&self, batch: TableBatch) -> Result<TableBatch, RunError> {
        if !self.is_told_twice() {
            return Ok(batch);
        }
        let failed = |cause| unencodable(&batch.table, cause);
        let arrived = batch.columns.schema_ref();
        let others = arrived.fields().iter().zip(batch.columns.columns());
        let others = others.filter(|(field, _)| field.name() != OP_COLUMN);
        let operation = Arc::new(Field::new(OP_COLUMN, DataType::UInt8, false));
        let of_copy = UInt8Array::from(vec![Operation::Snapshot as u8; batch.row_count()]);
        let (mut fields, mut columns) = (vec![operation], vec![Arc::new(of_copy) as ArrayRef]);
        for (field, values) in others {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(values));
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, arrived.metadata().clone()));
        let schema = table_schema(schema).map_err(failed)?;
        let rows = RecordBatch::try_new(Arc::clone(&schema.arrow), columns)
            .map_err(|cause| unencodable(&batch.table, cause))?;
        encode_batch(&batch.table, &schema, rows).map_err(failed)
    }
}

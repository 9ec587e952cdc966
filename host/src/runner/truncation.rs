//! The batch that empties a table, for a full re-sync.

use std::sync::Arc;

use arrow_array::{RecordBatch, UInt8Array};
use arrow_schema::{DataType, Field, Schema};

use super::RunError;
use crate::{
    model::{Operation, TableBatch, batch::OP_COLUMN},
    plugin::{encode_batch, table_schema},
};

/// One row that says `truncate`.
pub fn truncation(table: &str) -> Result<TableBatch, RunError> {
    let encode = |cause: Box<dyn std::error::Error + Send + Sync>| RunError::Encode {
        table: table.to_owned(),
        cause,
    };
    let schema = Arc::new(Schema::new(vec![Field::new(OP_COLUMN, DataType::UInt8, false)]));
    let operations = Arc::new(UInt8Array::from(vec![Operation::Truncate as u8]));
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![operations])
        .map_err(|cause| encode(cause.into()))?;
    let schema = table_schema(schema).map_err(|cause| encode(cause.into()))?;
    encode_batch(table, &schema, rows).map_err(|cause| encode(cause.into()))
}

//! A batch of rows of one table, as sources return it and destinations get it.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch, UInt8Array};
use arrow_buffer::i256;
use arrow_schema::{DataType, Schema, TimeUnit};

use super::{Operation, Value};
use crate::schema::{Column, OP_COLUMN, TS_COLUMN, UNCHANGED_COLUMN};
use crate::{ColumnType, Failure};

/// Where the columns stand in a batch.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) columns: Arc<[Column]>,
    /// For each data column its place in the batch.
    pub(crate) indices: Vec<usize>,
    pub(crate) op: Option<usize>,
    pub(crate) ts: Option<usize>,
    pub(crate) unchanged: Option<usize>,
}

impl Layout {
    pub(crate) fn of(schema: &Schema) -> Result<Self, Failure> {
        let mut columns = Vec::new();
        let mut layout =
            Self { columns: [].into(), indices: Vec::new(), op: None, ts: None, unchanged: None };
        for (index, field) in schema.fields().iter().enumerate() {
            match (field.name().as_str(), field.data_type()) {
                (OP_COLUMN, DataType::UInt8) => layout.op = Some(index),
                (TS_COLUMN, DataType::Timestamp(TimeUnit::Microsecond, _)) => {
                    layout.ts = Some(index);
                }
                (UNCHANGED_COLUMN, DataType::Binary) => layout.unchanged = Some(index),
                (OP_COLUMN | TS_COLUMN | UNCHANGED_COLUMN, other) => {
                    return Err(Failure::stop(
                        "malformed-batch",
                        format!("the reserved column {} has the type {other}", field.name()),
                    ));
                }
                _ => {
                    columns.push(Column::from_field(field)?);
                    layout.indices.push(index);
                }
            }
        }
        layout.columns = columns.into();
        Ok(layout)
    }
}

/// Rows of one table, in order.
///
/// Columns are Arrow arrays: loop over [`TableRows::array`] where speed counts, and use
/// [`TableRows::value`] where it does not.
#[derive(Debug, Clone)]
pub struct TableRows {
    table: String,
    batch: RecordBatch,
    layout: Arc<Layout>,
}

impl TableRows {
    /// Wraps a record batch whose columns are the batch format's.
    ///
    /// # Errors
    /// `stop` when a column's type is none of the batch format's.
    pub fn new(table: impl Into<String>, batch: RecordBatch) -> Result<Self, Failure> {
        let layout = Arc::new(Layout::of(batch.schema_ref())?);
        Ok(Self::with_layout(table.into(), batch, layout))
    }

    pub(crate) fn with_layout(table: String, batch: RecordBatch, layout: Arc<Layout>) -> Self {
        Self { table, batch, layout }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The data columns in order, without the reserved ones.
    pub fn columns(&self) -> &[Column] {
        &self.layout.columns
    }

    /// The place of a data column.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    /// The Arrow array of a data column.
    ///
    /// # Panics
    /// When there is no such column.
    pub fn array(&self, column: usize) -> &ArrayRef {
        self.batch.column(self.layout.indices[column])
    }

    /// All of it, reserved columns included.
    pub fn record_batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The `_op` column, if there is one.
    pub(crate) fn operations(&self) -> Option<&UInt8Array> {
        self.layout.op.map(|at| self.batch.column(at).as_primitive())
    }

    /// What a row does. An unknown number, which the host lets nobody send, counts as an update.
    pub fn op(&self, row: usize) -> Operation {
        self.operations().map_or(Operation::Insert, |codes| {
            Operation::from_code(codes.value(row)).unwrap_or(Operation::Update)
        })
    }

    /// Whether every row is an insert.
    pub fn all_inserts(&self) -> bool {
        self.operations().is_none_or(|codes| codes.values().iter().all(|op| *op == 0))
    }

    /// The source's commit time of a row, in microseconds since 1970 UTC.
    pub fn timestamp(&self, row: usize) -> Option<i64> {
        let times = self.batch.column(self.layout.ts?).as_primitive::<TimestampMicrosecondType>();
        times.is_valid(row).then(|| times.value(row))
    }

    /// Whether any row may leave out values; if not, [`TableRows::is_unchanged`] need not be asked.
    pub fn may_be_unchanged(&self) -> bool {
        self.layout.unchanged.is_some_and(|at| {
            let bitmaps = self.batch.column(at);
            bitmaps.null_count() < bitmaps.len()
        })
    }

    /// Whether the source did not send this value, so that the destination keeps its own.
    pub fn is_unchanged(&self, row: usize, column: usize) -> bool {
        self.layout.unchanged.is_some_and(|at| {
            let bitmaps = self.batch.column(at).as_binary::<i32>();
            bitmaps.is_valid(row)
                && bitmaps
                    .value(row)
                    .get(column / 8)
                    .is_some_and(|byte| byte >> (column % 8) & 1 == 1)
        })
    }

    /// One value.
    ///
    /// # Panics
    /// When there is no such row or column.
    pub fn value(&self, row: usize, column: usize) -> Value<'_> {
        value_at(self.array(column), &self.columns()[column].column_type, row)
    }
}

fn value_at<'a>(array: &'a ArrayRef, column_type: &ColumnType, row: usize) -> Value<'a> {
    if array.is_null(row) {
        return Value::Null;
    }
    match (array.data_type(), column_type) {
        (DataType::Utf8, ColumnType::Json) => {
            Value::Json(array.as_string::<i32>().value(row).into())
        }
        (DataType::Utf8, _) => Value::Str(array.as_string::<i32>().value(row)),
        (DataType::Binary, _) => Value::Bytes(array.as_binary::<i32>().value(row)),
        (DataType::Boolean, _) => Value::Bool(array.as_boolean().value(row)),
        (DataType::Float32, _) => {
            Value::F64(f64::from(array.as_primitive::<Float32Type>().value(row)))
        }
        (DataType::Float64, _) => Value::F64(array.as_primitive::<Float64Type>().value(row)),
        (DataType::Decimal128(_, scale), _) => Value::Decimal {
            unscaled: i256::from_i128(array.as_primitive::<Decimal128Type>().value(row)),
            scale: *scale,
        },
        (DataType::Decimal256(_, scale), _) => Value::Decimal {
            unscaled: array.as_primitive::<Decimal256Type>().value(row),
            scale: *scale,
        },
        (DataType::Date32, _) => Value::Date(array.as_primitive::<Date32Type>().value(row)),
        (DataType::Time64(_), _) => {
            Value::Time(array.as_primitive::<Time64MicrosecondType>().value(row))
        }
        (DataType::Timestamp(_, zone), _) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            if zone.is_some() { Value::TimestampTz(micros) } else { Value::Timestamp(micros) }
        }
        (DataType::FixedSizeBinary(_), _) => {
            let bytes = array.as_fixed_size_binary().value(row);
            bytes.try_into().map_or(Value::Bytes(bytes), Value::Uuid)
        }
        (DataType::UInt64, _) => Value::U64(array.as_primitive::<UInt64Type>().value(row)),
        (DataType::List(_), ColumnType::Array(item)) => {
            let list = array.as_list::<i32>();
            let offsets = list.value_offsets();
            let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
            Value::List((start..end).map(|at| value_at(list.values(), item, at)).collect())
        }
        _ => integer_at(array, row),
    }
}

fn integer_at(array: &ArrayRef, row: usize) -> Value<'_> {
    Value::I64(match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        _ => return Value::Null,
    })
}

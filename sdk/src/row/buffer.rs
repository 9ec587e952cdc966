//! One column under construction.
//!
//! Buffers are plain vectors that can be cut back, so that a row which turns out not to fit leaves
//! no trace; Arrow's builders cannot do that. A push is all or nothing.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_buffer::{
    BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer, i256,
};
use arrow_schema::ArrowError;

use super::{Value, convert, decimal};
use crate::schema::ColumnType;

enum Data {
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Decimal128(Vec<i128>),
    Decimal256(Vec<i256>),
    Boolean(BooleanBufferBuilder),
    Uuid(Vec<u8>),
    /// `ends[row]` is where the row's bytes end.
    Bytes {
        bytes: Vec<u8>,
        ends: Vec<i32>,
    },
    List {
        items: Box<ColumnBuffer>,
        ends: Vec<i32>,
    },
}

pub(super) struct ColumnBuffer {
    column_type: ColumnType,
    data: Data,
    nulls: NullBufferBuilder,
}

impl ColumnBuffer {
    pub(super) fn new(column_type: ColumnType) -> Self {
        let data = match &column_type {
            ColumnType::Integer | ColumnType::Date => Data::I32(Vec::new()),
            ColumnType::BigInt
            | ColumnType::Time
            | ColumnType::Timestamp
            | ColumnType::TimestampTz => Data::I64(Vec::new()),
            ColumnType::Float => Data::F32(Vec::new()),
            ColumnType::Double => Data::F64(Vec::new()),
            ColumnType::Decimal { .. } if decimal::is_narrow(&column_type) => {
                Data::Decimal128(Vec::new())
            }
            ColumnType::Decimal { .. } => Data::Decimal256(Vec::new()),
            ColumnType::Boolean => Data::Boolean(BooleanBufferBuilder::new(0)),
            ColumnType::Uuid => Data::Uuid(Vec::new()),
            ColumnType::String | ColumnType::Json | ColumnType::Binary => {
                Data::Bytes { bytes: Vec::new(), ends: Vec::new() }
            }
            ColumnType::Array(item) => {
                Data::List { items: Box::new(Self::new(item.as_ref().clone())), ends: Vec::new() }
            }
        };
        Self { column_type, data, nulls: NullBufferBuilder::new(0) }
    }

    pub(super) fn column_type(&self) -> &ColumnType {
        &self.column_type
    }

    pub(super) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// Bytes that the values take in a batch, about.
    pub(super) fn size(&self) -> u64 {
        let each = match &self.data {
            Data::I32(_) | Data::F32(_) | Data::Bytes { .. } | Data::List { .. } => 4,
            Data::I64(_) | Data::F64(_) => 8,
            Data::Decimal128(_) | Data::Uuid(_) => 16,
            Data::Decimal256(_) => 32,
            Data::Boolean(_) => 1,
        };
        let besides = match &self.data {
            Data::Bytes { bytes, .. } => bytes.len() as u64,
            Data::List { items, .. } => items.size(),
            _ => 0,
        };
        each * self.len() as u64 + besides
    }

    pub(super) fn push_null(&mut self) {
        match &mut self.data {
            Data::I32(values) => values.push(0),
            Data::I64(values) => values.push(0),
            Data::F32(values) => values.push(0.0),
            Data::F64(values) => values.push(0.0),
            Data::Decimal128(values) => values.push(0),
            Data::Decimal256(values) => values.push(i256::ZERO),
            Data::Boolean(values) => values.append(false),
            Data::Uuid(bytes) => bytes.extend([0; 16]),
            Data::Bytes { ends, .. } | Data::List { ends, .. } => {
                ends.push(ends.last().copied().unwrap_or(0));
            }
        }
        self.nulls.append_null();
    }

    /// Appends a value; false, and nothing appended, when the column cannot hold it.
    pub(super) fn push(&mut self, value: &Value<'_>) -> bool {
        if matches!(value, Value::Null) {
            self.push_null();
            return true;
        }
        let pushed = self.push_data(value);
        if pushed.is_some() {
            self.nulls.append_non_null();
        }
        pushed.is_some()
    }

    fn push_data(&mut self, value: &Value<'_>) -> Option<()> {
        match (&mut self.data, &self.column_type) {
            (Data::I32(values), ColumnType::Date) => values.push(convert::to_date(value)?),
            (Data::I32(values), _) => values.push(convert::to_i32(value)?),
            (Data::I64(values), ColumnType::Time) => values.push(convert::to_time(value)?),
            (Data::I64(values), ColumnType::Timestamp) => {
                values.push(convert::to_timestamp(value)?);
            }
            (Data::I64(values), ColumnType::TimestampTz) => {
                values.push(convert::to_timestamptz(value)?);
            }
            (Data::I64(values), _) => values.push(convert::to_i64(value)?),
            (Data::F32(values), _) => values.push(convert::to_f32(value)?),
            (Data::F64(values), _) => values.push(convert::to_f64(value)?),
            (Data::Decimal128(values), ColumnType::Decimal { precision, scale }) => {
                values.push(convert::to_decimal(value, *precision, *scale)?.to_i128()?);
            }
            (Data::Decimal256(values), ColumnType::Decimal { precision, scale }) => {
                values.push(convert::to_decimal(value, *precision, *scale)?);
            }
            (Data::Boolean(values), _) => values.append(convert::to_bool(value)?),
            (Data::Uuid(bytes), _) => bytes.extend(convert::to_uuid(value)?),
            (Data::Bytes { bytes, ends }, ColumnType::Binary) => match value {
                Value::Bytes(new) => append(bytes, ends, new)?,
                _ => return None,
            },
            (Data::Bytes { bytes, ends }, ColumnType::Json) => {
                append(bytes, ends, convert::to_json(value)?.as_bytes())?;
            }
            (Data::Bytes { bytes, ends }, _) => {
                append(bytes, ends, convert::to_text(value)?.as_bytes())?;
            }
            (Data::List { items, ends }, _) => append_list(items, ends, value)?,
            (Data::Decimal128(_) | Data::Decimal256(_), _) => return None,
        }
        Some(())
    }

    /// Cuts the column back to `rows` rows.
    pub(super) fn truncate(&mut self, rows: usize) {
        let end_of = |ends: &[i32]| {
            rows.checked_sub(1).and_then(|last| ends.get(last)).map_or(0, |end| *end as usize)
        };
        match &mut self.data {
            Data::I32(values) => values.truncate(rows),
            Data::I64(values) => values.truncate(rows),
            Data::F32(values) => values.truncate(rows),
            Data::F64(values) => values.truncate(rows),
            Data::Decimal128(values) => values.truncate(rows),
            Data::Decimal256(values) => values.truncate(rows),
            Data::Boolean(values) => values.truncate(rows),
            Data::Uuid(bytes) => bytes.truncate(rows * 16),
            Data::Bytes { bytes, ends } => {
                bytes.truncate(end_of(ends));
                ends.truncate(rows);
            }
            Data::List { items, ends } => {
                items.truncate(end_of(ends));
                ends.truncate(rows);
            }
        }
        self.nulls.truncate(rows);
    }

    /// Takes the rows as an Arrow array and leaves the column empty, with room for as many again.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.nulls.finish();
        Ok(match &mut self.data {
            Data::I32(values) => {
                let values = take(values);
                match self.column_type {
                    ColumnType::Date => Arc::new(Date32Array::try_new(values, nulls)?),
                    _ => Arc::new(Int32Array::try_new(values, nulls)?),
                }
            }
            Data::I64(values) => finish_i64(&self.column_type, take(values), nulls)?,
            Data::F32(values) => Arc::new(Float32Array::try_new(take(values), nulls)?),
            Data::F64(values) => Arc::new(Float64Array::try_new(take(values), nulls)?),
            Data::Decimal128(values) => Arc::new(
                Decimal128Array::try_new(take(values), nulls)?
                    .with_data_type(self.column_type.data_type()),
            ),
            Data::Decimal256(values) => Arc::new(
                Decimal256Array::try_new(take(values), nulls)?
                    .with_data_type(self.column_type.data_type()),
            ),
            Data::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Data::Uuid(bytes) => {
                let values = Buffer::from_vec(std::mem::take(bytes));
                Arc::new(FixedSizeBinaryArray::try_new(16, values, nulls)?)
            }
            Data::Bytes { bytes, ends } => {
                let room = Vec::with_capacity(bytes.len());
                let values = Buffer::from_vec(std::mem::replace(bytes, room));
                let offsets = offsets(ends);
                match self.column_type {
                    ColumnType::Binary => Arc::new(BinaryArray::try_new(offsets, values, nulls)?),
                    _ => Arc::new(StringArray::try_new(offsets, values, nulls)?),
                }
            }
            Data::List { items, ends } => {
                let field = Arc::new(items.column_type.field("item"));
                Arc::new(ListArray::try_new(field, offsets(ends), items.finish()?, nulls)?)
            }
        })
    }
}

fn finish_i64(
    column_type: &ColumnType,
    values: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    Ok(match column_type {
        ColumnType::Time => Arc::new(Time64MicrosecondArray::try_new(values, nulls)?),
        ColumnType::Timestamp => Arc::new(TimestampMicrosecondArray::try_new(values, nulls)?),
        ColumnType::TimestampTz => {
            Arc::new(TimestampMicrosecondArray::try_new(values, nulls)?.with_timezone("UTC"))
        }
        _ => Arc::new(Int64Array::try_new(values, nulls)?),
    })
}

fn take<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = Vec::with_capacity(values.len());
    ScalarBuffer::from(std::mem::replace(values, room))
}

/// Ends of rows to Arrow's offsets, which begin with zero.
fn offsets(ends: &mut Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.append(ends);
    OffsetBuffer::new(ScalarBuffer::from(offsets))
}

/// None when the column would pass the 2 GiB that Arrow's offsets reach.
fn append(bytes: &mut Vec<u8>, ends: &mut Vec<i32>, new: &[u8]) -> Option<()> {
    let end = i32::try_from(bytes.len().checked_add(new.len())?).ok()?;
    bytes.extend_from_slice(new);
    ends.push(end);
    Some(())
}

fn append_list(items: &mut ColumnBuffer, ends: &mut Vec<i32>, value: &Value<'_>) -> Option<()> {
    let parsed: Vec<serde_json::Value>;
    let values: Vec<Value<'_>> = match value {
        Value::List(values) => values.clone(),
        Value::Json(text) => {
            parsed = serde_json::from_str(text).ok()?;
            parsed.iter().map(Value::from_json).collect()
        }
        Value::Str(text) => {
            parsed = serde_json::from_str(text).ok()?;
            parsed.iter().map(Value::from_json).collect()
        }
        _ => return None,
    };
    let start = items.len();
    let fits = values.iter().all(|value| items.push(value));
    match i32::try_from(items.len()) {
        Ok(end) if fits => ends.push(end),
        _ => {
            items.truncate(start);
            return None;
        }
    }
    Some(())
}

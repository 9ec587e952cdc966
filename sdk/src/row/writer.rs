//! Collects rows of one table, column by column.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, TimestampMicrosecondArray, UInt8Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::buffer::ColumnBuffer;
use super::rows::{Layout, TableRows};
use super::{Operation, Value, ValueError};
use crate::schema::{OP_COLUMN, TS_COLUMN, Table, UNCHANGED_COLUMN};
use crate::{Column, ColumnType, Failure, Limits};

/// What the reserved columns take of a row, about.
const RESERVED_BYTES: u64 = 10;

/// Collects rows of one table and hands them out as a batch.
///
/// Columns are declared once, by the [`Table`]; values are then set by place (fast) or by name.
/// A row that is dropped before [`RowBuilder::commit`] leaves no trace.
///
/// ```
/// use cartridge_warp_sdk::{ColumnType, Operation, Table, TableWriter};
///
/// let orders = Table::new("orders")
///     .column("id", ColumnType::BigInt)
///     .column("note", ColumnType::String)
///     .key(["id"]);
/// let mut writer = TableWriter::changes(&orders);
///
/// let mut row = writer.row(Operation::Insert);
/// row.set(0, 7)?;
/// row.set("note", "gift")?;
/// row.at(1_714_521_600_000_000).commit();
///
/// let mut spoilt = writer.row(Operation::Update);
/// assert!(spoilt.set("id", "seven").is_err());
/// drop(spoilt);
///
/// let rows = writer.finish()?;
/// assert_eq!((rows.len(), rows.op(0)), (1, Operation::Insert));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TableWriter {
    table: String,
    columns: Arc<[Column]>,
    buffers: Vec<ColumnBuffer>,
    rows: usize,
    /// Of the reserved columns only what the batch has; those rows are filled in that came before.
    ops: Vec<u8>,
    timestamps: Vec<Option<i64>>,
    unchanged: Vec<Option<Vec<u8>>>,
    /// Which reserved columns the batch has; kept from batch to batch so that the schema is stable.
    with_op: bool,
    with_ts: bool,
    with_unchanged: bool,
    layout: Option<(SchemaRef, Arc<Layout>)>,
}

impl TableWriter {
    /// For snapshots: every row an insert, no reserved columns until a row needs one.
    pub fn inserts(table: &Table) -> Self {
        Self::new(table, false)
    }

    /// For the change stream: with `_op` and `_ts` from the beginning.
    pub fn changes(table: &Table) -> Self {
        Self::new(table, true)
    }

    fn new(table: &Table, changes: bool) -> Self {
        let buffer = |column: &Column| ColumnBuffer::new(column.column_type.clone());
        Self {
            table: table.name.clone(),
            columns: table.columns.clone().into(),
            buffers: table.columns.iter().map(buffer).collect(),
            rows: 0,
            ops: Vec::new(),
            timestamps: Vec::new(),
            unchanged: Vec::new(),
            with_op: changes,
            with_ts: changes,
            with_unchanged: false,
            layout: None,
        }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Rows collected since the last [`TableWriter::finish`].
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is nothing to finish.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// About how many bytes the batch will have.
    pub fn bytes(&self) -> u64 {
        let reserved = RESERVED_BYTES * self.rows as u64;
        self.buffers.iter().map(ColumnBuffer::size).sum::<u64>() + reserved
    }

    /// Whether the rows are as many as a call with these limits may answer: ask before each row. An eighth of the
    /// bytes is kept for what a batch has besides its values. The first row is never too many.
    ///
    /// ```
    /// use cartridge_warp_sdk::{ColumnType, Limits, Operation, Table, TableWriter, Value};
    ///
    /// let mut writer = TableWriter::inserts(&Table::new("t").column("id", ColumnType::BigInt));
    /// let limits = Limits { rows_max: 2, ..Limits::default() };
    /// let mut next = 0;
    /// while !writer.is_full(&limits) {
    ///     writer.push(Operation::Insert, [Value::I64(next)]).unwrap();
    ///     next += 1;
    /// }
    /// assert_eq!(writer.len(), 2);
    /// assert!(!writer.is_full(&Limits::default()));
    /// assert!(writer.is_full(&Limits { bytes_max: 16, ..Limits::default() }));
    /// ```
    pub fn is_full(&self, limits: &Limits) -> bool {
        self.rows >= limits.rows_max.max(1)
            || (self.rows > 0 && self.bytes() >= limits.bytes_max / 8 * 7)
    }

    /// Begins a row.
    pub fn row(&mut self, operation: Operation) -> RowBuilder<'_> {
        RowBuilder { writer: self, operation, at: None, unchanged: None, is_committed: false }
    }

    /// Appends a row whose values stand in the order of the columns.
    ///
    /// # Errors
    /// When a value does not fit its column; then the row is not there.
    pub fn push<'v>(
        &mut self,
        operation: Operation,
        values: impl IntoIterator<Item = Value<'v>>,
    ) -> Result<(), ValueError> {
        let mut row = self.row(operation);
        for (column, value) in values.into_iter().enumerate() {
            row.set(column, value)?;
        }
        row.commit();
        Ok(())
    }

    /// Appends a JSON object as a row; keys that are not columns are an error.
    ///
    /// # Errors
    /// When a value does not fit its column; then the row is not there.
    pub fn push_json(
        &mut self,
        operation: Operation,
        object: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), ValueError> {
        let mut row = self.row(operation);
        for (name, value) in object {
            row.set_json(name.as_str(), value)?;
        }
        row.commit();
        Ok(())
    }

    /// Takes the rows collected so far; the writer is empty afterwards and can go on.
    ///
    /// # Errors
    /// `stop` only if Arrow refuses the columns, which would be a defect.
    pub fn finish(&mut self) -> Result<TableRows, Failure> {
        let mut arrays = Vec::with_capacity(self.buffers.len() + 3);
        let refused = |error: arrow_schema::ArrowError| {
            Failure::stop("batch-encoding", "the collected rows make no Arrow batch")
                .detail(error.to_string())
        };
        for buffer in &mut self.buffers {
            arrays.push(buffer.finish().map_err(refused)?);
        }
        let (schema, layout) = self.layout();
        self.finish_reserved(&mut arrays);
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options).map_err(refused)?;
        self.rows = 0;
        Ok(TableRows::with_layout(self.table.clone(), batch, layout))
    }

    fn finish_reserved(&mut self, arrays: &mut Vec<ArrayRef>) {
        let ops = std::mem::take(&mut self.ops);
        let timestamps = std::mem::take(&mut self.timestamps);
        let unchanged = std::mem::take(&mut self.unchanged);
        if self.with_op {
            arrays.push(Arc::new(UInt8Array::from(ops)));
        }
        if self.with_ts {
            let values = TimestampMicrosecondArray::from(timestamps);
            arrays.push(Arc::new(values.with_timezone("UTC")));
        }
        if self.with_unchanged {
            arrays.push(Arc::new(BinaryArray::from_iter(unchanged)));
        }
    }

    /// The same schema and layout as for the last batch, unless a reserved column came in.
    fn layout(&mut self) -> (SchemaRef, Arc<Layout>) {
        let reserved = [self.with_op, self.with_ts, self.with_unchanged];
        let wanted = self.columns.len() + reserved.iter().filter(|with| **with).count();
        if let Some((schema, layout)) = &self.layout
            && schema.fields().len() == wanted
        {
            return (schema.clone(), layout.clone());
        }
        let mut fields: Vec<Field> = self.columns.iter().map(Column::to_field).collect();
        let data = fields.len();
        let mut reserve = |with: bool, field: Field| {
            with.then(|| {
                fields.push(field);
                fields.len() - 1
            })
        };
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let layout = Layout {
            columns: self.columns.clone(),
            indices: (0..data).collect(),
            op: reserve(self.with_op, Field::new(OP_COLUMN, DataType::UInt8, false)),
            ts: reserve(self.with_ts, Field::new(TS_COLUMN, utc, true)),
            unchanged: reserve(
                self.with_unchanged,
                Field::new(UNCHANGED_COLUMN, DataType::Binary, true),
            ),
        };
        self.layout.insert((Arc::new(Schema::new(fields)), Arc::new(layout))).clone()
    }
}

/// Names a column by its place or by its name.
pub trait ColumnRef: Copy {
    /// The place among the columns.
    fn index(self, columns: &[Column]) -> Option<usize>;
    /// For messages.
    fn name(self) -> String;
}

impl ColumnRef for usize {
    fn index(self, columns: &[Column]) -> Option<usize> {
        (self < columns.len()).then_some(self)
    }

    fn name(self) -> String {
        self.to_string()
    }
}

impl ColumnRef for &str {
    fn index(self, columns: &[Column]) -> Option<usize> {
        columns.iter().position(|column| column.name == self)
    }

    fn name(self) -> String {
        self.to_owned()
    }
}

/// One row under construction; without [`RowBuilder::commit`] it never was.
#[must_use = "a row counts only once it is committed"]
pub struct RowBuilder<'w> {
    writer: &'w mut TableWriter,
    operation: Operation,
    at: Option<i64>,
    unchanged: Option<Vec<u8>>,
    is_committed: bool,
}

impl RowBuilder<'_> {
    /// Sets a value; the last one counts when a column is set twice. Columns never set are null.
    ///
    /// # Errors
    /// When there is no such column, or it cannot hold the value.
    pub fn set<'v>(
        &mut self,
        column: impl ColumnRef,
        value: impl Into<Value<'v>>,
    ) -> Result<(), ValueError> {
        let index = self.find(column)?;
        let rows = self.writer.rows;
        let buffer = &mut self.writer.buffers[index];
        if buffer.len() > rows {
            buffer.truncate(rows);
        }
        let value = value.into();
        if buffer.push(&value) {
            return Ok(());
        }
        let reason = format!("{} does not fit {}", value.kind(), buffer.column_type());
        Err(ValueError { column: self.writer.columns[index].name.clone(), reason })
    }

    /// Sets a JSON value: lists go into array columns, anything goes into JSON columns.
    ///
    /// # Errors
    /// As [`RowBuilder::set`].
    pub fn set_json(
        &mut self,
        column: impl ColumnRef,
        json: &serde_json::Value,
    ) -> Result<(), ValueError> {
        let index = self.find(column)?;
        match &self.writer.columns[index].column_type {
            ColumnType::Json if !json.is_null() => {
                self.set(index, Value::Json(json.to_string().into()))
            }
            _ => self.set(index, Value::from_json(json)),
        }
    }

    /// Says that the source did not send this column's value, so that the destination keeps it.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn unchanged(&mut self, column: impl ColumnRef) -> Result<(), ValueError> {
        let index = self.find(column)?;
        let bytes = self.writer.columns.len().div_ceil(8);
        let bitmap = self.unchanged.get_or_insert_with(|| vec![0; bytes]);
        bitmap[index / 8] |= 1 << (index % 8);
        Ok(())
    }

    /// The source's commit time, in microseconds since 1970 UTC.
    pub fn at(mut self, micros: i64) -> Self {
        self.at = Some(micros);
        self
    }

    /// Changes what the row does, for sources that learn it in mid-row.
    pub fn set_operation(&mut self, operation: Operation) {
        self.operation = operation;
    }

    /// Makes the row count.
    pub fn commit(mut self) {
        let writer = &mut *self.writer;
        for buffer in &mut writer.buffers {
            if buffer.len() == writer.rows {
                buffer.push_null();
            }
        }
        if self.operation != Operation::Insert || writer.with_op {
            writer.with_op = true;
            writer.ops.resize(writer.rows, Operation::Insert.code());
            writer.ops.push(self.operation.code());
        }
        if self.at.is_some() || writer.with_ts {
            writer.with_ts = true;
            writer.timestamps.resize(writer.rows, None);
            writer.timestamps.push(self.at);
        }
        if self.unchanged.is_some() || writer.with_unchanged {
            writer.with_unchanged = true;
            writer.unchanged.resize(writer.rows, None);
            writer.unchanged.push(self.unchanged.take());
        }
        writer.rows += 1;
        self.is_committed = true;
    }

    fn find(&self, column: impl ColumnRef) -> Result<usize, ValueError> {
        column.index(&self.writer.columns).ok_or_else(|| ValueError {
            column: column.name(),
            reason: format!("table {} has no such column", self.writer.table),
        })
    }
}

impl Drop for RowBuilder<'_> {
    fn drop(&mut self) {
        if !self.is_committed {
            let writer = &mut *self.writer;
            writer.buffers.iter_mut().for_each(|buffer| buffer.truncate(writer.rows));
        }
    }
}

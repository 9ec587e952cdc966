//! Batches that are made, encoded by the host and then damaged: beyond the envelope, which raw bytes
//! seldom get through.

use std::{collections::HashMap, sync::Arc};

use arbitrary::Arbitrary;
use arrow_array::{
    ArrayRef, RecordBatch, UInt8Array,
    builder::{BinaryBuilder, StringBuilder},
    make_array,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use cartridge_warp::{
    model::{TableBatch, TableShape},
    plugin::{encode_batch, table_schema},
};

use crate::tables::NAMES;

const COLUMNS_MAX: usize = 8;
const ROWS_MAX: usize = 40;

/// A batch, and what becomes of its message.
#[derive(Arbitrary, Debug)]
pub struct Input {
    columns: Vec<Column>,
    rows: u8,
    /// Operations of the rows; none without the column.
    operations: Option<Vec<u8>>,
    /// What the table was before.
    known: Vec<Column>,
    pub damage: Vec<Damage>,
    /// How many rows the guest announces, besides those there are.
    pub announced: Option<u32>,
}

#[derive(Arbitrary, Debug)]
struct Column {
    name: u8,
    kind: Kind,
    is_list: bool,
    nullable: bool,
    json: bool,
    nulls: Vec<u8>,
    values: Vec<u8>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Text,
    Bytes,
    Boolean,
    Int(u8),
    Float32,
    Float64,
    Date,
    Time,
    Moment,
    Uuid,
    Decimal { precision: u8, scale: i8 },
    Unchanged,
}

/// A change of a message's bytes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Damage {
    Byte {
        at: u16,
        value: u8,
    },
    /// Lengths, counts and offsets are words.
    Word {
        at: u16,
        value: Word,
    },
    Half {
        at: u16,
        value: Word,
    },
    Cut {
        at: u16,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Word {
    Small(i8),
    Most(i8),
    Least(i8),
    Any(i64),
}

impl Word {
    fn value(self, most: i64) -> i64 {
        match self {
            Self::Small(value) => value.into(),
            Self::Most(less) => most.saturating_sub(i64::from(less).abs()),
            Self::Least(more) => (-most - 1).saturating_add(i64::from(more).abs()),
            Self::Any(value) => value,
        }
    }
}

impl Damage {
    pub fn apply(self, bytes: &mut Vec<u8>) {
        let put = |bytes: &mut Vec<u8>, at: u16, size: usize, value: &[u8]| {
            let at = usize::from(at) * size;
            if let Some(place) = bytes.get_mut(at..at + size) {
                place.copy_from_slice(value);
            }
        };
        match self {
            Self::Byte { at, value } => put(bytes, at, 1, &[value]),
            Self::Half { at, value } => {
                put(bytes, at, 4, &(value.value(i32::MAX.into()) as i32).to_le_bytes());
            }
            Self::Word { at, value } => {
                put(bytes, at, 8, &value.value(i64::MAX).to_le_bytes());
            }
            Self::Cut { at } => bytes.truncate(at.into()),
        }
    }
}

impl Input {
    /// The batch as the host encodes it; none where the columns make no table.
    pub fn batch(&self) -> Option<TableBatch> {
        let rows = usize::from(self.rows) % ROWS_MAX;
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        if let Some(operations) = &self.operations {
            let at = |row: usize| operations.get(row).copied().unwrap_or_default() % 4;
            fields.push(Field::new("_op", DataType::UInt8, false));
            arrays.push(Arc::new((0..rows).map(at).collect::<UInt8Array>()));
        }
        for column in self.columns.iter().take(COLUMNS_MAX) {
            let field = column.field();
            if fields.iter().all(|known| known.name() != field.name()) {
                arrays.push(column.array(field.data_type(), rows));
                fields.push(field);
            }
        }
        let schema = Arc::new(Schema::new(fields));
        let columns = RecordBatch::try_new(Arc::clone(&schema), arrays).ok()?;
        encode_batch("t", &table_schema(schema).ok()?, columns).ok()
    }

    /// The table's shape before the batch.
    pub fn known(&self) -> TableShape {
        let mut fields = vec![Field::new("id", DataType::Int64, true)];
        for column in self.known.iter().take(COLUMNS_MAX) {
            let field = column.field();
            let reserved = field.name().starts_with('_');
            if !reserved && fields.iter().all(|known| known.name() != field.name()) {
                fields.push(field);
            }
        }
        let schema = Arc::new(Schema::new(fields));
        TableShape { name: "t".into(), schema, key: vec!["id".into()], estimated_rows: None }
    }
}

impl Column {
    fn field(&self) -> Field {
        let name = NAMES[usize::from(self.name) % NAMES.len()];
        let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let (name, data_type) = match (name, self.kind) {
            ("_op", _) => (name, DataType::UInt8),
            ("_ts", _) => (name, utc()),
            (_, Kind::Unchanged) | ("_unchanged", _) => ("_unchanged", DataType::Binary),
            (name, kind) => (name, kind.data_type()),
        };
        let data_type = match self.is_list && !name.starts_with('_') {
            true => DataType::List(Arc::new(Field::new_list_field(data_type, true))),
            false => data_type,
        };
        let field = Field::new(name, data_type, self.nullable || name != "_op");
        match self.json {
            true => {
                let (key, value) = ("ARROW:extension:name".to_owned(), "arrow.json".to_owned());
                field.with_metadata(HashMap::from([(key, value)]))
            }
            false => field,
        }
    }

    fn array(&self, data_type: &DataType, rows: usize) -> ArrayRef {
        let is_null =
            |row: usize| self.nulls.get(row / 8).is_some_and(|b| b & (1 << (row % 8)) != 0);
        let nullable = !matches!(data_type, DataType::UInt8);
        let valid: Vec<bool> = (0..rows).map(|row| !(nullable && is_null(row))).collect();
        if let DataType::List(item) = data_type {
            // Lengths of 0 to 3, and as many items.
            let lengths = (0..rows).map(|row| usize::from(self.byte(row) % 4));
            let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
            let items = self.array(item.data_type(), offsets.last() as usize);
            let list =
                arrow_array::ListArray::new(Arc::clone(item), offsets, items, Some(valid.into()));
            return Arc::new(list);
        }
        self.plain(data_type, &valid)
    }

    fn plain(&self, data_type: &DataType, valid: &[bool]) -> ArrayRef {
        let piece = |row: usize| {
            let start = row.min(self.values.len());
            let length = usize::from(self.byte(row) % 9);
            &self.values[start..(start + length).min(self.values.len())]
        };
        match data_type {
            DataType::Utf8 => {
                let mut texts = StringBuilder::new();
                for (row, valid) in valid.iter().enumerate() {
                    texts.append_option(valid.then(|| String::from_utf8_lossy(piece(row))));
                }
                Arc::new(texts.finish())
            }
            DataType::Binary => {
                let mut bytes = BinaryBuilder::new();
                for (row, valid) in valid.iter().enumerate() {
                    let most = if self.field().name() == "_unchanged" { 1 } else { usize::MAX };
                    let piece = piece(row);
                    bytes.append_option(valid.then(|| &piece[..piece.len().min(most)]));
                }
                Arc::new(bytes.finish())
            }
            other => self.fixed(other, valid),
        }
    }

    /// Values of one width, straight from the input: any bits are a value.
    fn fixed(&self, data_type: &DataType, valid: &[bool]) -> ArrayRef {
        let bytes = match data_type {
            DataType::Boolean => valid.len().div_ceil(8),
            DataType::FixedSizeBinary(width) => valid.len() * width.unsigned_abs() as usize,
            other => valid.len() * other.primitive_width().unwrap_or(8),
        };
        let mut values = self.values.clone();
        values.resize(bytes, 0);
        let data = ArrayData::builder(data_type.clone())
            .len(valid.len())
            .add_buffer(Buffer::from(values))
            .nulls(Some(valid.to_vec().into()))
            .align_buffers(true)
            .build();
        make_array(data.expect("as many bytes as values"))
    }

    fn byte(&self, at: usize) -> u8 {
        self.values.get(at).copied().unwrap_or_default()
    }
}

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Bytes | Self::Unchanged => DataType::Binary,
            Self::Boolean => DataType::Boolean,
            Self::Int(which) => match which % 8 {
                0 => DataType::Int8,
                1 => DataType::Int16,
                2 => DataType::Int32,
                3 => DataType::Int64,
                4 => DataType::UInt8,
                5 => DataType::UInt16,
                6 => DataType::UInt32,
                _ => DataType::UInt64,
            },
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Moment => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Decimal { precision, scale } => {
                let precision = precision % 76 + 1;
                let scale = scale % (precision.min(38) as i8 + 1);
                match precision {
                    ..=38 => DataType::Decimal128(precision, scale),
                    _ => DataType::Decimal256(precision, scale),
                }
            }
        }
    }
}

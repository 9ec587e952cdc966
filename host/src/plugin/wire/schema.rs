//! Schema messages: which columns a table has.

use std::{collections::HashSet, sync::Arc};

use arrow_ipc::{Endianness, Field as WireField, Type, convert::try_fb_to_schema};
use arrow_schema::{DataType, Schema, TimeUnit};
use bytes::Bytes;

use super::{WireError, encode::schema_id, envelope, guarded, reserved};
use crate::{
    model::{TableSchema, batch::is_reserved},
    plugin::{
        limits::{COLUMNS_MAX, NAME_BYTES_MAX, SCHEMA_MESSAGE_BYTES_MAX, SCHEMA_TEXT_BYTES_MAX},
        text,
    },
};

/// Reads a schema message of a guest: of rows, which have columns.
pub fn decode_schema(message: Bytes) -> Result<Arc<TableSchema>, WireError> {
    let schema = decode_shape(message)?;
    let mut names = schema.arrow.fields().iter().map(|field| field.name());
    if names.all(|name| is_reserved(name)) {
        return Err(WireError::new("it has no columns"));
    }
    Ok(schema)
}

/// Reads the schema message of a table that is described: it may have no columns of its own.
pub fn decode_shape(message: Bytes) -> Result<Arc<TableSchema>, WireError> {
    if message.len() > SCHEMA_MESSAGE_BYTES_MAX {
        return Err(WireError::new(format!(
            "a schema message has at most {SCHEMA_MESSAGE_BYTES_MAX} bytes"
        )));
    }
    let envelope = envelope::open(&message)?;
    let header = envelope
        .message
        .header_as_schema()
        .ok_or_else(|| WireError::new("it is not a schema message"))?;
    if envelope.body_start != message.len() {
        return Err(WireError::new("a schema message has no body"));
    }
    precheck(header)?;
    let arrow = guarded(|| try_fb_to_schema(header))?;
    check(&arrow)?;
    let id = schema_id(&message);
    Ok(Arc::new(TableSchema { id, message, arrow: Arc::new(arrow) }))
}

/// What a schema takes of the host's memory, beside its message.
pub(in crate::plugin) fn schema_bytes(schema: &Schema) -> u64 {
    let own = schema.metadata().iter().map(|(key, value)| key.len() + value.len() + 64);
    (schema.fields().size() + own.sum::<usize>()) as u64
}

/// Everything that decides how much the conversion allocates.
fn precheck(header: arrow_ipc::Schema<'_>) -> Result<(), WireError> {
    if header.endianness() != Endianness::Little {
        return Err(WireError::new("it is not little-endian"));
    }
    let mut text = TextBudget(SCHEMA_TEXT_BYTES_MAX);
    if let Some(metadata) = header.custom_metadata() {
        text.metadata(metadata.iter())?;
    }
    let fields = header.fields().ok_or_else(|| WireError::new("it has no columns"))?;
    let mut columns = 0_usize;
    for field in fields {
        precheck_field(&field, &mut text)?;
        columns += 1 + field.children().map_or(0, |children| children.len());
        if columns > COLUMNS_MAX {
            return Err(WireError::new(format!("it has more than {COLUMNS_MAX} columns")));
        }
    }
    Ok(())
}

fn precheck_field(field: &WireField<'_>, text: &mut TextBudget) -> Result<(), WireError> {
    precheck_leaf(field, text)?;
    let children = field.children();
    let count = children.as_ref().map_or(0, |children| children.len());
    if field.type_type() != Type::List {
        return if count == 0 { Ok(()) } else { Err(WireError::new("a column has parts")) };
    }
    let Some(item) = children.filter(|_| count == 1).map(|children| children.get(0)) else {
        return Err(WireError::new("a list has exactly one kind of items"));
    };
    precheck_leaf(&item, text)?;
    let item_parts = item.children().map_or(0, |children| children.len());
    if item.type_type() == Type::List || item_parts != 0 {
        return Err(WireError::new("items of lists have no parts"));
    }
    Ok(())
}

fn precheck_leaf(field: &WireField<'_>, text: &mut TextBudget) -> Result<(), WireError> {
    let known = [
        Type::Int,
        Type::FloatingPoint,
        Type::Binary,
        Type::Utf8,
        Type::Bool,
        Type::Decimal,
        Type::Date,
        Type::Time,
        Type::Timestamp,
        Type::FixedSizeBinary,
        Type::List,
    ];
    let name = field.name().unwrap_or_default();
    text.take(name)?;
    if !known.contains(&field.type_type()) {
        return Err(refused_type(name, &format!("{:?}", field.type_type())));
    }
    if let Some(zone) = field.type_as_timestamp().and_then(|time| time.timezone()) {
        text.take(zone)?;
    }
    if field.dictionary().is_some() {
        return Err(WireError::new("it uses dictionaries"));
    }
    if let Some(metadata) = field.custom_metadata() {
        text.metadata(metadata.iter())?;
    }
    Ok(())
}

/// Text copied so far. One long text may be pointed to by every column of a small message.
struct TextBudget(usize);

impl TextBudget {
    fn take(&mut self, text: &str) -> Result<(), WireError> {
        // An entry costs memory even when it is empty.
        self.0 = self.0.checked_sub(text.len() + 16).ok_or_else(|| {
            WireError::new(format!(
                "names, time zones and metadata have more than {SCHEMA_TEXT_BYTES_MAX} bytes"
            ))
        })?;
        Ok(())
    }

    fn metadata<'a>(
        &mut self,
        entries: impl Iterator<Item = arrow_ipc::KeyValue<'a>>,
    ) -> Result<(), WireError> {
        for entry in entries {
            self.take(entry.key().unwrap_or_default())?;
            self.take(entry.value().unwrap_or_default())?;
        }
        Ok(())
    }
}

/// The rules of the batch format, on the finished schema.
fn check(schema: &Schema) -> Result<(), WireError> {
    let mut names = HashSet::new();
    for field in schema.fields() {
        let name = field.name();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(text::is_unnameable) {
            return Err(WireError::new(format!(
                "`{}` is no column name: 1 to {NAME_BYTES_MAX} bytes without control characters are",
                text::one_line(name, 64)
            )));
        }
        if !names.insert(name.as_str()) {
            return Err(WireError::new(format!("column `{name}` is there twice")));
        }
        if reserved::check_type(field)? {
            continue;
        }
        let allowed = match field.data_type() {
            DataType::List(item) => is_allowed(item.data_type()),
            other => is_allowed(other),
        };
        if !allowed {
            return Err(refused_type(name, &field.data_type().to_string()));
        }
    }
    Ok(())
}

fn is_allowed(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8
        | DataType::Binary
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Time64(TimeUnit::Microsecond)
        | DataType::Timestamp(TimeUnit::Microsecond, None)
        | DataType::FixedSizeBinary(16) => true,
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => &**zone == "UTC",
        DataType::Decimal128(precision, scale) => is_decimal(*precision, *scale, 38),
        DataType::Decimal256(precision, scale) => is_decimal(*precision, *scale, 76),
        _ => false,
    }
}

fn is_decimal(precision: u8, scale: i8, precision_max: u8) -> bool {
    (1..=precision_max).contains(&precision) && scale.unsigned_abs() <= precision
}

fn refused_type(column: &str, data_type: &str) -> WireError {
    WireError::new(format!(
        "column `{}` has type {}, which the batch format does not have",
        text::one_line(column, 64),
        text::one_line(data_type, 64)
    ))
}

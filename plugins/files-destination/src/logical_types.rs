//! Parquet's own names for UUIDs and JSON, so that readers take them for what they are.
//!
//! The `parquet` crate writes them only with a feature of Arrow's that all components would have to
//! be built with.

use arrow_schema::{Field, FieldRef, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{LogicalType, Repetition};
use parquet::errors::Result;
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

use std::sync::Arc;

/// What names the type of a field beyond Arrow's.
const EXTENSION: &str = "ARROW:extension:name";

/// The Parquet schema of columns.
pub(crate) fn schema(columns: &Schema) -> Result<SchemaDescriptor> {
    let plain = ArrowSchemaConverter::new().convert(columns)?;
    let parts = plain.root_schema().get_fields().iter().zip(columns.fields());
    let parts = parts.map(|(part, field)| named(part, field)).collect::<Result<Vec<_>>>()?;
    let root = Type::group_type_builder(plain.root_schema().name()).with_fields(parts).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

fn named(part: &TypePtr, field: &FieldRef) -> Result<TypePtr> {
    match logical_type(field) {
        Some(logical) if part.is_primitive() => Ok(Arc::new(leaf(part, logical)?)),
        _ => Ok(Arc::clone(part)),
    }
}

fn logical_type(field: &Field) -> Option<LogicalType> {
    match field.metadata().get(EXTENSION)?.as_str() {
        "arrow.uuid" => Some(LogicalType::Uuid),
        "arrow.json" => Some(LogicalType::Json),
        _ => None,
    }
}

fn leaf(part: &Type, logical: LogicalType) -> Result<Type> {
    let is_uuid = matches!(logical, LogicalType::Uuid);
    let info = part.get_basic_info();
    let repetition = if info.has_repetition() { info.repetition() } else { Repetition::OPTIONAL };
    Type::primitive_type_builder(part.name(), part.get_physical_type())
        .with_repetition(repetition)
        .with_logical_type(Some(logical))
        .with_length(if is_uuid { 16 } else { -1 })
        .build()
}

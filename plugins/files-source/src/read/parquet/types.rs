//! Parquet's types, as Arrow shows them, to the model's.

use cartridge_warp_sdk::ColumnType;
use cartridge_warp_sdk::arrow_schema::DataType;
use parquet::basic::LogicalType;

/// The type of a column; what has no counterpart becomes JSON.
pub fn column_type(data_type: &DataType, logical: Option<&LogicalType>) -> ColumnType {
    match (logical, data_type) {
        (Some(LogicalType::Uuid), DataType::FixedSizeBinary(16)) => ColumnType::Uuid,
        (Some(LogicalType::Json), _) => ColumnType::Json,
        _ => of_arrow(data_type),
    }
}

/// The type of what has no logical type of its own.
pub fn of_arrow(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Boolean => ColumnType::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::Int32 => ColumnType::Integer,
        DataType::UInt8 | DataType::UInt16 => ColumnType::Integer,
        DataType::UInt32 | DataType::Int64 => ColumnType::BigInt,
        DataType::UInt64 => ColumnType::Decimal { precision: 20, scale: 0 },
        DataType::Float16 | DataType::Float32 => ColumnType::Float,
        DataType::Float64 => ColumnType::Double,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            ColumnType::Decimal { precision: *precision, scale: *scale }
        }
        // A column without any value can hold any.
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            ColumnType::String
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => ColumnType::Binary,
        DataType::Date32 | DataType::Date64 => ColumnType::Date,
        DataType::Time32(_) | DataType::Time64(_) => ColumnType::Time,
        DataType::Timestamp(_, None) => ColumnType::Timestamp,
        DataType::Timestamp(_, Some(_)) => ColumnType::TimestampTz,
        DataType::Dictionary(_, values) => of_arrow(values),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => match of_arrow(item.data_type()) {
            // Items of lists have no parts.
            ColumnType::Json | ColumnType::Array(_) => ColumnType::Json,
            item => ColumnType::Array(Box::new(item)),
        },
        _ => ColumnType::Json,
    }
}

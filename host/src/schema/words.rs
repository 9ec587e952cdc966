//! A column's type as a person knows it.

use arrow_schema::{DataType, Field};

use super::compare::is_json;

/// The name of the column's type in the words of the data model, such as `decimal(10, 2)`.
pub fn type_words(field: &Field) -> String {
    if is_json(field) {
        return "json".to_owned();
    }
    match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => "string".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamptz".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Binary | DataType::LargeBinary => "binary".to_owned(),
        DataType::FixedSizeBinary(16) => "uuid".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision}, {scale})")
        }
        DataType::List(item) | DataType::LargeList(item) => format!("{} array", type_words(item)),
        other => other.to_string().to_lowercase(),
    }
}

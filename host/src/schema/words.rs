//! A column's type as a person knows it.

use arrow_schema::Field;

use crate::model::ColumnType;

/// The column's type in the words of `columns.types`, or as Arrow calls one that has none there.
pub fn type_words(field: &Field) -> String {
    let known = ColumnType::of(field).map(|known| known.to_string());
    known.unwrap_or_else(|| field.data_type().to_string().to_lowercase())
}

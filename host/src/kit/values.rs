//! Values of three origins in one form: the text that a text column gets for them, under the case's type.
//!
//! Columns of a connector, JSON of a driver and the kit's own samples are compared by it, so that each may
//! say a value in its own way. A value that the type does not have is a mistake of whoever said it.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{ArrayRef, StringArray, cast::AsArray};
use arrow_schema::Field;
use serde_json::Value;

use super::driver::JsonRow;
use crate::{
    config::KitTable,
    model::ColumnType,
    schema::{convert, fit},
};

/// A value; none is NULL.
pub type Text = Option<String>;
/// The values of a row, or those of its columns that were said, by the columns' names.
pub type Row = BTreeMap<String, Text>;

/// The values of a column of any type that has a way to the case's.
pub fn texts(values: &ArrayRef, from: &Field, to: ColumnType) -> Result<Vec<Text>, String> {
    let name = from.name();
    let converted = convert(values, from, to).map_err(|error| error.to_string())?;
    if !converted.refused.is_empty() {
        let kind = from.data_type();
        return Err(format!("column `{name}` ({kind}) has values that are no {}", word(to)));
    }
    let text = ColumnType::Text.field(name);
    let texts =
        fit(&converted.values, &to.field(name), &text).map_err(|error| error.to_string())?;
    let texts = texts.as_string_opt::<i32>().ok_or("it has no text")?;
    Ok(texts.iter().map(|text| text.map(|text| settled(text, to))).collect())
}

/// Texts as a column of the case's type.
pub fn column(name: &str, texts: &[Text], to: ColumnType) -> Result<ArrayRef, String> {
    let array: ArrayRef = Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>());
    let converted = convert(&array, &ColumnType::Text.field(name), to);
    let converted = converted.map_err(|error| error.to_string())?;
    match converted.refused.first() {
        None => Ok(converted.values),
        Some(row) => {
            let value = texts.get(*row).and_then(Option::as_deref).unwrap_or_default();
            Err(format!("column `{name}`: `{value}` is no {}", word(to)))
        }
    }
}

/// The rows of a driver.
pub fn from_json(table: &KitTable, rows: &[JsonRow]) -> Result<Vec<Row>, String> {
    let mut found = vec![Row::new(); rows.len()];
    for (name, kind) in &table.columns {
        let said: Vec<Text> = rows.iter().map(|row| said(row.get(name))).collect();
        let values = column(name, &said, *kind)?;
        let texts = texts(&values, &kind.field(name), *kind)?;
        for (row, text) in found.iter_mut().zip(texts) {
            row.insert(name.clone(), text);
        }
    }
    Ok(found)
}

/// A row for a driver: booleans and whole numbers as JSON has them, all else as text.
pub fn to_json(table: &KitTable, row: &Row) -> Value {
    let value = |(name, text): (&String, &Text)| {
        let kind = table.columns.get(name).copied().unwrap_or(ColumnType::Text);
        let value = match (text, kind) {
            (None, _) => Value::Null,
            (Some(text), ColumnType::Boolean | ColumnType::Integer | ColumnType::Bigint) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
            }
            (Some(text), _) => Value::String(text.clone()),
        };
        (name.clone(), value)
    };
    Value::Object(row.iter().map(value).collect())
}

fn said(value: Option<&Value>) -> Text {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    }
}

/// Documents are one where they say the same: spaces and the order of names do not count.
fn settled(text: &str, kind: ColumnType) -> String {
    let document = || serde_json::from_str::<Value>(text).ok().map(|value| value.to_string());
    let settled = if kind == ColumnType::Json { document() } else { None };
    settled.unwrap_or_else(|| text.to_owned())
}

fn word(kind: ColumnType) -> String {
    kind.to_string()
}

//! Values as JSON text: nested ones for their columns, whole rows for dead letters.
//!
//! Fields keep their order and numbers their digits, which is why no `serde_json::Value` is built.

use std::fmt::Write;

use cartridge_warp_sdk::Value;
use cartridge_warp_sdk::arrow_array::cast::AsArray;
use cartridge_warp_sdk::arrow_array::{Array, ArrayRef, RecordBatch};
use cartridge_warp_sdk::arrow_schema::DataType;

use super::values::{self, items};

/// One value.
///
/// # Errors
/// When a part of it has no equal in the model, or two fields have one name.
pub fn value(array: &ArrayRef, row: usize) -> Result<String, String> {
    let mut writer = Writer { text: String::new(), lenient: false };
    writer.value(array, row)?;
    Ok(writer.text)
}

/// A row for a person: what has no equal is told in words.
pub fn row(batch: &RecordBatch, row: usize) -> String {
    let mut writer = Writer { text: String::new(), lenient: true };
    let schema = batch.schema_ref();
    let fields = schema.fields().iter().map(|field| field.name().as_str());
    // A lenient writer refuses nothing.
    let _ = writer.object(fields.zip(batch.columns()), row);
    writer.text
}

struct Writer {
    text: String,
    /// Whether what has no equal is told in words instead of refused.
    lenient: bool,
}

impl Writer {
    fn value(&mut self, array: &ArrayRef, row: usize) -> Result<(), String> {
        if array.is_null(row) {
            self.text.push_str("null");
            return Ok(());
        }
        match array.data_type() {
            DataType::Struct(fields) => {
                let names = fields.iter().map(|field| field.name().as_str());
                self.object(names.zip(array.as_struct().columns()), row)
            }
            DataType::Map(..) => self.map(array, row),
            _ => match items(array, row) {
                Some((items, from, to)) => self.list(items, from, to),
                None => self.leaf(array, row),
            },
        }
    }

    fn object<'a>(
        &mut self,
        fields: impl Iterator<Item = (&'a str, &'a ArrayRef)>,
        row: usize,
    ) -> Result<(), String> {
        let mut names = Vec::new();
        self.text.push('{');
        for (name, column) in fields {
            self.name(name.to_owned(), &mut names)?;
            self.value(column, row)?;
        }
        self.text.push('}');
        Ok(())
    }

    /// Keys of maps that are no text become it.
    fn map(&mut self, array: &ArrayRef, row: usize) -> Result<(), String> {
        let map = array.as_map();
        let offsets = map.value_offsets();
        let mut names = Vec::new();
        self.text.push('{');
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            let start = self.text.len();
            self.value(map.keys(), at)?;
            let key = self.text.split_off(start);
            let key = serde_json::from_str(&key).unwrap_or(key);
            self.name(key, &mut names)?;
            self.value(map.values(), at)?;
        }
        self.text.push('}');
        Ok(())
    }

    /// The name of a field, with what stands before and after it.
    fn name(&mut self, name: String, before: &mut Vec<String>) -> Result<(), String> {
        if !self.lenient && before.contains(&name) {
            return Err("two fields of one object have the same name".to_owned());
        }
        if !before.is_empty() {
            self.text.push(',');
        }
        self.string(&name);
        self.text.push(':');
        before.push(name);
        Ok(())
    }

    fn list(&mut self, items: &ArrayRef, from: usize, to: usize) -> Result<(), String> {
        self.text.push('[');
        for at in from..to {
            if at > from {
                self.text.push(',');
            }
            self.value(items, at)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn leaf(&mut self, array: &ArrayRef, row: usize) -> Result<(), String> {
        match values::value(array, row) {
            Ok(value) => self.scalar(&value),
            Err(reason) if self.lenient => self.string(&format!("({reason})")),
            Err(reason) => return Err(reason),
        }
        Ok(())
    }

    fn scalar(&mut self, value: &Value<'_>) {
        match value {
            // The words that the batch format has for them.
            Value::F64(number) if number.is_nan() => self.string("NaN"),
            Value::F64(number) if number.is_infinite() => {
                self.string(if *number > 0.0 { "Infinity" } else { "-Infinity" });
            }
            Value::Null
            | Value::Bool(_)
            | Value::I64(_)
            | Value::U64(_)
            | Value::F64(_)
            | Value::Decimal { .. }
            | Value::Json(_)
            | Value::List(_) => {
                // Writing into text cannot fail.
                let _ = write!(self.text, "{value}");
            }
            Value::Str(text) => self.string(text),
            other => self.string(&other.to_string()),
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push_str(&serde_json::Value::from(text).to_string());
    }
}

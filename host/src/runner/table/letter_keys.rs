//! The keys of dead letters: what their rows are looked up by when they are tried again.
//!
//! A key is kept as JSON whose values are texts, under the names that its columns have at the destination. A key
//! that has a masked column is no key: the source knows no row by it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt8Array, cast::AsArray};
use arrow_cast::{CastOptions, cast_with_options, display::FormatOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::{Table, shape::ColumnRules, unencodable};
use crate::{
    model::{ColumnType, Operation, TableBatch, TableShape, batch::OP_COLUMN},
    plugin::{encode_batch, table_schema},
    runner::error::RunError,
    schema::{convert, fit, way},
};

/// The values of one key, in the order of its columns.
pub type KeyTexts = Vec<String>;

/// The key of a row as its letter says it; none where it is not whole, or of a type in which equal values may have
/// more than one text.
pub fn key_of(
    rows: &RecordBatch,
    row: usize,
    key: &[String],
) -> Result<Option<String>, ArrowError> {
    let mut texts = KeyTexts::with_capacity(key.len());
    for column in key {
        let Some(values) = rows.column_by_name(column) else { return Ok(None) };
        let kind = values.data_type();
        if values.is_null(row) || kind.is_floating() || kind.is_nested() {
            return Ok(None);
        }
        let field = rows.schema_ref().field_with_name(column)?;
        let written = fit(&values.slice(row, 1), field, &ColumnType::Text.field(column))?;
        texts.push(written.as_string::<i32>().value(0).to_owned());
    }
    Ok(written(key.iter().map(String::as_str), &texts))
}

/// A key in the source's terms as the destination keeps it.
pub fn at_destination(rules: &ColumnRules, source: &TableShape, said: &str) -> Option<String> {
    let key = &source.key;
    let mut texts = read(said, key.iter().map(String::as_str))?;
    let mut names = Vec::with_capacity(key.len());
    for (column, text) in key.iter().zip(&mut texts) {
        if rules.mask(column).is_some() {
            return None;
        }
        let field = source.schema.field_with_name(column).ok()?;
        if let Some(to) = rules.column_type(column, field) {
            *text = retyped(text, field, to).ok()??;
        }
        names.push(rules.destination_name(column)?);
    }
    written(names.into_iter(), &texts)
}

/// A value's text as that of the type that the operator gave its column.
fn retyped(text: &str, field: &Field, to: ColumnType) -> Result<Option<String>, ArrowError> {
    let given = convert(&values(&StringArray::from(vec![text]), field)?, field, to)?.values;
    let text = ColumnType::Text.field(field.name());
    let text = fit(&given, &to.field(field.name()), &text)?;
    Ok(text.as_string::<i32>().iter().next().flatten().map(str::to_owned))
}

fn written<'k>(names: impl Iterator<Item = &'k str>, texts: &[String]) -> Option<String> {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let members = names.zip(texts).map(|(name, text)| format!("{}:{}", json(name), json(text)));
    let members: Vec<String> = members.collect();
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

/// The texts of just these columns; none where it says another key.
fn read<'k>(said: &str, names: impl Iterator<Item = &'k str>) -> Option<KeyTexts> {
    let mut said: serde_json::Map<String, serde_json::Value> = serde_json::from_str(said).ok()?;
    let texts = names.map(|name| match said.remove(name) {
        Some(serde_json::Value::String(text)) => Some(text),
        _ => None,
    });
    let texts = texts.collect::<Option<KeyTexts>>()?;
    said.is_empty().then_some(texts)
}

impl Table {
    /// Why no dead letter of it can be tried again, if none can.
    pub fn why_no_retry(&self) -> Option<String> {
        if self.plan().write_mode == crate::model::WriteMode::Append {
            return Some("it is a log, in which what came since would stand before its row".into());
        }
        if self.source.key.is_empty() {
            return Some("it has no key".into());
        }
        let masked = self.source.key.iter().find(|column| self.rules.mask(column).is_some())?;
        Some(format!("column `{masked}` of its key is masked, so the source knows no row by it"))
    }

    /// The values of a key that a letter says; none where it says none of this table's.
    pub fn read_key(&self, said: &str) -> Option<KeyTexts> {
        let names = self.source.key.iter().map(|column| self.rules.destination_name(column));
        read(said, names.collect::<Option<Vec<&str>>>()?.into_iter())
    }

    /// Keys as rows of the key columns as the source describes them, and which of them have values that these
    /// columns do not.
    pub fn key_rows(
        &self,
        described: &TableShape,
        keys: &[&KeyTexts],
        operation: Option<Operation>,
    ) -> Result<(TableBatch, Vec<usize>), RunError> {
        let name = &self.source.name;
        self.try_key_rows(described, keys, operation)
            .map_err(|cause| unencodable(name, cause))
            .and_then(|(columns, unreadable)| {
                let schema = table_schema(columns.schema());
                let schema = schema.map_err(|cause| unencodable(name, cause))?;
                let batch = encode_batch(name, &schema, columns);
                Ok((batch.map_err(|cause| unencodable(name, cause))?, unreadable))
            })
    }

    fn try_key_rows(
        &self,
        described: &TableShape,
        keys: &[&KeyTexts],
        operation: Option<Operation>,
    ) -> Result<(RecordBatch, Vec<usize>), ArrowError> {
        let (mut fields, mut columns, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(operation) = operation {
            fields.push(Field::new(OP_COLUMN, DataType::UInt8, false));
            let operations = UInt8Array::from(vec![operation as u8; keys.len()]);
            columns.push(Arc::new(operations) as ArrayRef);
        }
        for (at, column) in described.key.iter().enumerate() {
            let field = described.schema.field_with_name(column)?.clone().with_nullable(true);
            let texts = keys.iter().map(|texts| texts.get(at)).collect::<StringArray>();
            let values = match self.rules.column_type(column, &field) {
                Some(given) => back(&texts, &field, given)?,
                None => values(&texts, &field)?,
            };
            unreadable.extend((0..keys.len()).filter(|row| values.is_null(*row)));
            columns.push(values);
            fields.push(field);
        }
        unreadable.sort_unstable();
        unreadable.dedup();
        Ok((RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?, unreadable))
    }
}

/// The values of a column that texts of the type say which the operator gave it; null where they say none.
fn back(texts: &StringArray, field: &Field, given: ColumnType) -> Result<ArrayRef, ArrowError> {
    let of_given = given.field(field.name());
    match ColumnType::of(field).filter(|own| way(&of_given, *own).is_some()) {
        Some(own) => Ok(convert(&values(texts, &of_given)?, &of_given, own)?.values),
        None => values(texts, field),
    }
}

/// The values of a column that texts say; null where they say none.
pub(super) fn values(texts: &StringArray, field: &Field) -> Result<ArrayRef, ArrowError> {
    let array: ArrayRef = Arc::new(texts.clone());
    if let Some(column_type) = ColumnType::of(field) {
        let text = ColumnType::Text.field(field.name());
        return Ok(convert(&array, &text, column_type)?.values);
    }
    if *field.data_type() == DataType::Binary {
        let bytes = texts.iter().map(|text| text.and_then(bytes));
        return Ok(Arc::new(bytes.collect::<arrow_array::BinaryArray>()));
    }
    let safely = CastOptions { safe: true, format_options: FormatOptions::new() };
    cast_with_options(&array, field.data_type(), &safely)
}

/// What hexadecimal digits say.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BinaryArray, Date32Array, Float64Array, Int16Array, TimestampMicrosecondArray,
    };
    use arrow_schema::TimeUnit;

    use super::*;
    use crate::config::{Columns, Mask};

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let moments = TimestampMicrosecondArray::from(vec![1_500_000]).with_timezone("UTC");
        let far = Date32Array::from(vec![2_145_042_905]);
        let all: [(DataType, ArrayRef, &str); 7] = [
            (DataType::Int16, Arc::new(Int16Array::from(vec![-7])), "-7"),
            (DataType::Utf8, Arc::new(StringArray::from(vec!["a\"\u{1}"])), "a\"\u{1}"),
            (DataType::Binary, Arc::new(BinaryArray::from_vec(vec![b"\x00\xff"])), "00ff"),
            (
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                Arc::new(moments),
                "1970-01-01T00:00:01.500Z",
            ),
            (DataType::Date32, Arc::new(Date32Array::from(vec![i32::MAX])), "infinity"),
            (DataType::Date32, Arc::new(far), "+5874897-12-31"),
            (
                DataType::Timestamp(TimeUnit::Microsecond, None),
                Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN])),
                "-infinity",
            ),
        ];
        let fields: Vec<Field> = all
            .iter()
            .enumerate()
            .map(|(at, (kind, ..))| Field::new(format!("k{at}"), kind.clone(), true))
            .collect();
        let key: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let columns = all.iter().map(|(_, values, _)| Arc::clone(values)).collect();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let said = key_of(&rows, 0, &key).unwrap().unwrap();
        let texts = read(&said, key.iter().map(String::as_str)).unwrap();
        for ((field, text), (_, values, expected)) in
            rows.schema().fields().iter().zip(&texts).zip(&all)
        {
            assert_eq!(text, expected);
            let found = super::values(&StringArray::from(vec![text.as_str()]), field).unwrap();
            assert_eq!(&found, values, "{field}");
            let none = super::values(&StringArray::from(vec!["no such"]), field).unwrap();
            assert_eq!(none.is_null(0), !field.data_type().is_string(), "{field}");
        }
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0)]));
        let floats = RecordBatch::try_from_iter([("f", floats)]).unwrap();
        assert_eq!(key_of(&floats, 0, &["f".into()]).unwrap(), None);
    }

    #[test]
    fn what_is_masked_is_no_key() {
        let mask = [("b".to_owned(), Mask::HashUnkeyed)].into();
        let rename = [("a".to_owned(), "x".to_owned())].into();
        let columns = Columns { mask, rename, ..Columns::default() };
        let said = r#"{"a":"1","b":"2"}"#;
        let key = ["a".to_owned(), "b".to_owned()];
        let rules = ColumnRules::known(columns, key.to_vec(), None);
        let shape = |key: &[String]| {
            let fields = key.iter().map(|name| Field::new(name, DataType::Utf8, true));
            TableShape {
                name: "t".into(),
                schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
                key: key.to_vec(),
                estimated_rows: None,
            }
        };
        assert_eq!(at_destination(&rules, &shape(&key), said), None);
        let shape = shape(&key[..1]);
        let shown = at_destination(&rules, &shape, r#"{"a":"1"}"#);
        assert_eq!(shown.as_deref(), Some(r#"{"x":"1"}"#));
        for other in [said, r#"{"a":1}"#, "{}", "[]", "a"] {
            assert_eq!(at_destination(&rules, &shape, other), None, "{other}");
        }
    }

    #[test]
    fn a_key_of_another_type_is_found_again() {
        let decimal = ColumnType::Decimal { precision: 10, scale: 2 };
        let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (kind, to, said, kept) in [
            (DataType::Int64, ColumnType::Text, "7", "7"),
            (DataType::Int64, decimal, "7", "7.00"),
            (moment, ColumnType::Timestamp, "2024-05-01T12:00:00Z", "2024-05-01T12:00:00"),
        ] {
            let field = Field::new("k", kind, true);
            assert_eq!(retyped(said, &field, to).unwrap().as_deref(), Some(kept), "{to:?}");
            let kept = StringArray::from(vec![kept]);
            let own = super::values(&StringArray::from(vec![said]), &field).unwrap();
            assert_eq!(&back(&kept, &field, to).unwrap(), &own, "{to:?}");
        }
    }
}

//! Rows that cannot travel as data.

use crate::{TableRows, Value};

/// The most that a payload carries; the host cuts what is longer.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The most that a key may have; the host takes no longer one.
pub const KEY_BYTES_MAX: usize = 16 << 10;

/// The key of a row as dead letters say it: a JSON object of the key columns in order, each with its value as text.
/// None where the row has no whole key, or one of a type that has no one text for equal values.
///
/// ```
/// use cartridge_warp_sdk::{ColumnType, Operation, Table, TableWriter, key_text};
///
/// let lines = Table::new("lines")
///     .column("order", ColumnType::BigInt)
///     .column("sku", ColumnType::String)
///     .key(["order", "sku"]);
/// let mut writer = TableWriter::inserts(&lines);
/// let mut row = writer.row(Operation::Insert);
/// row.set("order", 7).and_then(|()| row.set("sku", "a\"b")).unwrap();
/// row.commit();
/// let key = key_text(&writer.finish().unwrap(), 0, &lines.key);
/// assert_eq!(key.as_deref(), Some(r#"{"order":"7","sku":"a\"b"}"#));
/// ```
pub fn key_text(rows: &TableRows, row: usize, key: &[String]) -> Option<String> {
    let member = |column: &String| {
        let at = rows.index_of(column).filter(|at| !rows.is_unchanged(row, *at))?;
        let text = match rows.value(row, at) {
            Value::Null | Value::F64(_) | Value::List(_) => return None,
            // The last and the first value of these types are no days of a calendar.
            Value::Date(i32::MAX) | Value::Timestamp(i64::MAX) | Value::TimestampTz(i64::MAX) => {
                "infinity".to_owned()
            }
            Value::Date(i32::MIN) | Value::Timestamp(i64::MIN) | Value::TimestampTz(i64::MIN) => {
                "-infinity".to_owned()
            }
            value => value.to_string(),
        };
        Some(format!("{}:{}", json(column), json(&text)))
    };
    let members = key.iter().map(member).collect::<Option<Vec<String>>>()?;
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A row that cannot travel as data: kept for a person in the transaction that passes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The table it belongs to.
    pub table: String,
    /// `insert`, `update`, `delete`, or `unknown`.
    pub operation: String,
    /// The row, readable: JSON where it can be, else the raw text. At most 1 MiB.
    pub payload: String,
    /// Kebab-case word, such as `malformed-row` or `type-conversion`.
    pub code: String,
    /// What is wrong with it.
    pub message: String,
    /// Where it was found, such as `orders.ndjson:17`.
    pub origin: String,
    /// The row's key, see [`key_text`].
    pub key: Option<String>,
}

impl DeadLetter {
    /// A dead letter; a payload above [`PAYLOAD_BYTES_MAX`] is cut at a character boundary.
    pub fn new(
        table: impl Into<String>,
        code: impl Into<String>,
        message: impl Into<String>,
        payload: &str,
        origin: impl Into<String>,
    ) -> Self {
        let end = payload.floor_char_boundary(PAYLOAD_BYTES_MAX);
        Self {
            table: table.into(),
            operation: "unknown".to_owned(),
            payload: payload[..end].to_owned(),
            code: code.into(),
            message: message.into(),
            origin: origin.into(),
            key: None,
        }
    }

    /// Says which row it is, where that is known: the row can be looked up later then.
    #[must_use]
    pub fn key(mut self, key: Option<String>) -> Self {
        self.key = key.filter(|key| key.len() <= KEY_BYTES_MAX);
        self
    }

    /// Says what the row was meant to do.
    #[must_use]
    pub fn operation(mut self, operation: crate::Operation) -> Self {
        self.operation = operation.as_str().to_owned();
        self
    }
}

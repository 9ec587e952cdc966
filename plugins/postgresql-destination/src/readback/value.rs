//! The server's text to a value of the plan's type.

use cartridge_warp_sdk::{ColumnType, RowBuilder, Value, ValueError};
use postgresql_client::time;

use crate::read::hexadecimal;

/// Sets a column to what a text says; none is null.
pub(super) fn set(
    row: &mut RowBuilder<'_>,
    column: usize,
    kind: &ColumnType,
    text: Option<&str>,
) -> Result<(), ValueError> {
    let Some(text) = text else { return row.set(column, Value::Null) };
    match kind {
        // As it stands: the column may keep any text, which is compared as such then.
        ColumnType::Json => row.set(column, Value::Json(text.into())),
        ColumnType::Binary => match bytes(text) {
            Some(bytes) => row.set(column, bytes.as_slice()),
            None => row.set(column, text),
        },
        // The server's days go further than those that texts of the model say.
        ColumnType::Date => row.set(column, time::date(text).map_or(Value::Str(text), Value::Date)),
        ColumnType::Timestamp => {
            let moment = time::timestamp(text).map(Value::Timestamp);
            row.set(column, moment.unwrap_or(Value::Str(text)))
        }
        ColumnType::TimestampTz => {
            let moment = time::timestamp(text).map(Value::TimestampTz);
            row.set(column, moment.unwrap_or(Value::Str(text)))
        }
        _ => row.set(column, text),
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?;
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    hexadecimal(digits.as_bytes(), &mut bytes)?;
    Some(bytes)
}

//! The rows that the kit writes: for each type its edges, the same in every run.

use super::values::{Row, Text};
use crate::{config::KitTable, model::ColumnType};

/// Of so many rows one has NULL in a column.
const NULL_EVERY: usize = 5;

/// Row `n` of a table, of a kind that changes with `version`: the key is `n`'s alone.
pub fn row(table: &KitTable, n: usize, version: usize) -> Row {
    let columns = table.columns.iter().enumerate();
    let value = |(position, (name, kind)): (usize, (&String, &ColumnType))| {
        let value = match table.key.contains(name) {
            true => Some(key_value(*kind, n)),
            // Neighbouring columns are at different edges.
            false => value(*kind, n + position + 3 * version),
        };
        (name.clone(), value)
    };
    columns.map(value).collect()
}

/// The key columns of a row alone.
pub fn key_only(table: &KitTable, n: usize) -> Row {
    let mut row = row(table, n, 0);
    row.retain(|name, _| table.key.contains(name));
    row
}

fn key_value(kind: ColumnType, n: usize) -> String {
    match kind {
        ColumnType::Uuid => format!("00000000-0000-4000-8000-{n:012x}"),
        ColumnType::Text => format!("key {n}"),
        _ => n.to_string(),
    }
}

fn value(kind: ColumnType, n: usize) -> Text {
    if n % NULL_EVERY == NULL_EVERY - 1 {
        return None;
    }
    let edges = edges(kind);
    let edge = edges.get(n % edges.len().max(1)).copied().unwrap_or_default();
    Some(match kind {
        ColumnType::Decimal { precision, scale } => decimal(precision, scale, n),
        _ => edge.to_owned(),
    })
}

/// Values at which types are lost, cut or taken for others.
fn edges(kind: ColumnType) -> &'static [&'static str] {
    match kind {
        ColumnType::Text => &[
            "plain",
            "",
            "it's \"quoted\" \\ and , ; \t",
            "zwei\nZeilen",
            "ünï€ 😀",
            " spaces ",
            "NULL",
        ],
        ColumnType::Json => {
            &["{\"a\":[1,null,\"x\"]}", "[]", "\"text\"", "{\"n\":{\"deep\":true}}"]
        }
        ColumnType::Boolean => &["true", "false", "false"],
        ColumnType::Integer => &["0", "-1", "2147483647", "-2147483648"],
        ColumnType::Bigint => &["0", "-1", "9223372036854775807", "-9223372036854775808"],
        ColumnType::Real => &["0", "-0.5", "1.25", "16777216"],
        ColumnType::Double => &["0", "0.1", "-2.5e-8", "1.7976931348623157e308"],
        ColumnType::Decimal { .. } => &["0"],
        ColumnType::Date => &["1970-01-01", "2000-02-29", "1900-03-01", "9999-12-31"],
        ColumnType::Time => &["00:00:00", "12:34:56.789012", "23:59:59.999999"],
        ColumnType::Timestamp => &["1970-01-01T00:00:00", "2024-02-29T12:34:56.789012"],
        ColumnType::Timestamptz => &["1970-01-01T00:00:00Z", "2024-02-29T12:34:56.789012Z"],
        ColumnType::Uuid => {
            &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"]
        }
    }
}

/// The largest, the smallest and the finest number of a decimal type.
fn decimal(precision: u8, scale: u8, n: usize) -> String {
    let (precision, scale) = (usize::from(precision), usize::from(scale));
    let digits = |digit: &str, count: usize| digit.repeat(count);
    let behind = |digits: String| if digits.is_empty() { digits } else { format!(".{digits}") };
    let whole = precision.saturating_sub(scale);
    let nines = match whole {
        0 => "0".to_owned(),
        _ => digits("9", whole),
    };
    match n % 3 {
        0 => format!("{nines}{}", behind(digits("9", scale.min(precision)))),
        1 => format!("-{nines}{}", behind(digits("9", scale.min(precision)))),
        _ => format!("0{}", behind(digits("0", scale))),
    }
}

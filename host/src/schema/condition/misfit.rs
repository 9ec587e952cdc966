//! Why a condition makes no sense for a table, in words.

use arrow_schema::Field;

use super::cells::{Column, Kind};
use crate::{
    model::{ColumnType, Literal},
    schema::words::type_words,
};

/// Why a condition says nothing of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// A column that the table does not have.
    Lacks(String),
    /// What it says of a column's type makes no sense: what, and what helps.
    Type { what: String, help: String },
}

/// A column with its type.
pub fn said(column: &Column) -> String {
    let kind = column.field.as_deref().map_or_else(String::new, words);
    format!("`{}` of type {kind}", column.name)
}

fn words(field: &Field) -> String {
    field.metadata().get("warp:type").cloned().unwrap_or_else(|| type_words(field))
}

/// What is wrong with a value beside a column.
pub fn misread(column: &Column, literal: &Literal) -> Misfit {
    let help = match column.kind {
        Kind::Exact { .. } | Kind::Float { .. } => "write a number, without quotes".to_owned(),
        Kind::Boolean => "write TRUE or FALSE".to_owned(),
        Kind::Text | Kind::Foreign => "write a text, in single quotes".to_owned(),
        Kind::Uuid => "write it as '1f1f1f1f-1f1f-1f1f-1f1f-1f1f1f1f1f1f'".to_owned(),
        Kind::Time(time) => format!("write {} in single quotes", form(time)),
        Kind::Opaque | Kind::Unseen => {
            "of columns of this type only IS NULL and IS NOT NULL can be said".to_owned()
        }
    };
    Misfit::Type { what: format!("compares {literal} with {}", said(column)), help }
}

fn form(time: ColumnType) -> &'static str {
    match time {
        ColumnType::Date => "a date like 2026-05-31",
        ColumnType::Time => "a time of day like 23:59:00",
        ColumnType::Timestamp => "a time like 2026-05-31 23:59:00, without a zone",
        _ => "a moment with its zone, like 2026-05-31 23:59:00Z",
    }
}

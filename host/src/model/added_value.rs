//! What an added column holds in the rows of one table.

use std::fmt;

use arrow_schema::Field;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::ColumnType;

/// The values of a column that the source does not have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddedValue {
    /// The same text in each row.
    Text(String),
    /// The same whole number.
    Whole(i64),
    /// The same number of another kind.
    Number(Number),
    /// The same boolean.
    Boolean(bool),
    /// When the source committed the row's change, where it says so.
    CommitTime,
}

impl AddedValue {
    /// The column that holds it.
    #[must_use]
    pub fn field(&self, name: &str) -> Field {
        let column_type = match self {
            Self::Text(_) => ColumnType::Text,
            Self::Whole(_) => ColumnType::Bigint,
            Self::Number(_) => ColumnType::Double,
            Self::Boolean(_) => ColumnType::Boolean,
            Self::CommitTime => ColumnType::Timestamptz,
        };
        column_type.field(name)
    }
}

impl fmt::Display for AddedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "the text `{text}`"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::CommitTime => f.write_str("the time of the commit"),
        }
    }
}

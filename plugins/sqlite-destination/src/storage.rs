//! What SQLite stores for each type of the model.

use cartridge_warp_sdk::ColumnType;

/// A storage class, and the declared type of columns that hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Integer,
    Real,
    Text,
    Blob,
}

impl Storage {
    /// Decimals, times, UUIDs, JSON and lists are text: SQLite has no exact type for them.
    pub(crate) fn of(column_type: &ColumnType) -> Self {
        match column_type {
            ColumnType::Integer | ColumnType::BigInt | ColumnType::Boolean => Self::Integer,
            ColumnType::Float | ColumnType::Double => Self::Real,
            ColumnType::Binary => Self::Blob,
            ColumnType::String
            | ColumnType::Decimal { .. }
            | ColumnType::Date
            | ColumnType::Time
            | ColumnType::Timestamp
            | ColumnType::TimestampTz
            | ColumnType::Uuid
            | ColumnType::Json
            | ColumnType::Array(_) => Self::Text,
        }
    }

    /// The declared type.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Integer => "INTEGER",
            Self::Real => "REAL",
            Self::Text => "TEXT",
            Self::Blob => "BLOB",
        }
    }
}

//! A table's shape.

use arrow_schema::{Field, Schema};

use super::{Column, ColumnType, is_reserved};
use crate::Failure;

/// A table: its columns and key.
///
/// ```
/// use cartridge_warp_sdk::{ColumnType, Table};
///
/// let orders = Table::new("orders")
///     .column("id", ColumnType::BigInt)
///     .column("placed_at", ColumnType::TimestampTz)
///     .key(["id"]);
/// assert_eq!(orders.index_of("placed_at"), Some(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name in the source.
    pub name: String,
    /// Data columns in order; the reserved ones are not among them.
    pub columns: Vec<Column>,
    /// Key columns in order; a table without a key can only be appended to.
    pub key: Vec<String>,
    /// For progress bars; none when the source cannot say cheaply.
    pub estimated_rows: Option<u64>,
}

impl Table {
    /// A table without columns.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), columns: Vec::new(), key: Vec::new(), estimated_rows: None }
    }

    /// Adds a nullable column.
    #[must_use]
    pub fn column(self, name: impl Into<String>, column_type: ColumnType) -> Self {
        self.with(Column::new(name, column_type))
    }

    /// Adds a column.
    #[must_use]
    pub fn with(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// Names the key columns.
    #[must_use]
    pub fn key<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.key = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Says about how many rows there are.
    #[must_use]
    pub fn estimated_rows(mut self, rows: u64) -> Self {
        self.estimated_rows = Some(rows);
        self
    }

    /// The place of a column.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The Arrow schema of the data columns.
    pub fn to_schema(&self) -> Schema {
        Schema::new(self.columns.iter().map(Column::to_field).collect::<Vec<Field>>())
    }

    /// Reads a table off an Arrow schema; reserved columns are passed over.
    ///
    /// # Errors
    /// `stop` when a field's type is none of the batch format's.
    pub fn from_schema(
        name: impl Into<String>,
        schema: &Schema,
        key: Vec<String>,
    ) -> Result<Self, Failure> {
        let columns = schema
            .fields()
            .iter()
            .filter(|field| !is_reserved(field.name()))
            .map(|field| Column::from_field(field))
            .collect::<Result<_, _>>()?;
        Ok(Self { name: name.into(), columns, key, estimated_rows: None })
    }
}

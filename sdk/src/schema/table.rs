//! A table's shape.

use std::collections::HashMap;

use arrow_schema::{Field, Schema};

use super::{Column, ColumnType, is_reserved};
use crate::Failure;

/// Schema metadata key of [`Table::hidden`].
const HIDDEN_KEY: &str = "warp:hidden";

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
    /// The [`ColumnIdentity::id`](crate::ColumnIdentity::id) of columns that the table has and that
    /// do not travel, such as computed ones. One that travels later had values before.
    pub hidden: Vec<String>,
}

impl Table {
    /// A table without columns.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            columns: Vec::new(),
            key: Vec::new(),
            estimated_rows: None,
            hidden: Vec::new(),
        }
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

    /// Names the columns that do not travel, by their identities.
    #[must_use]
    pub fn hidden(mut self, columns: impl IntoIterator<Item = String>) -> Self {
        self.hidden = columns.into_iter().collect();
        self
    }

    /// The place of a column.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The Arrow schema of the data columns.
    pub fn to_schema(&self) -> Schema {
        let fields = self.columns.iter().map(Column::to_field).collect::<Vec<Field>>();
        let hidden = (!self.hidden.is_empty())
            .then(|| HashMap::from([(HIDDEN_KEY.to_owned(), self.hidden.join(" "))]));
        Schema::new_with_metadata(fields, hidden.unwrap_or_default())
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
        Ok(Self { columns, key, ..Self::new(name) })
    }
}

//! How the columns of a batch meet the columns of a table.

use cartridge_warp_sdk::sql::{Fit, KeptColumn, Table};
use cartridge_warp_sdk::{Column, ColumnType, Failure, TableRows};
use postgresql_client::names::quoted;

use crate::equality::Equality;
use crate::kept::{Wire, refusal};

/// A column that a batch brings.
pub(crate) struct ShapeColumn {
    /// Its name as SQL.
    pub(crate) name: String,
    pub(crate) wire: Wire,
    pub(crate) declared: String,
    /// Whether it takes the sent bytes as they are.
    pub(crate) direct: bool,
    /// The type whose binary form is copied straight into it; none where the server has to read text.
    pub(crate) copied_as: Option<String>,
    pub(crate) is_key: bool,
    /// How values of a key column are told apart.
    pub(crate) equality: Equality,
}

impl ShapeColumn {
    /// The type whose binary form values get that are copied straight into the column.
    pub(crate) fn copy_form(&self) -> &str {
        self.copied_as.as_ref().unwrap_or(&self.wire.sent_as)
    }
}

/// The columns of a batch, in its order.
pub(crate) struct Shape {
    pub(crate) columns: Vec<ShapeColumn>,
    /// Places of the key columns; empty in append mode.
    pub(crate) key: Vec<usize>,
}

impl Shape {
    /// Fits rows to their table.
    pub(crate) fn of(table: &Table, rows: &TableRows) -> Result<Self, Failure> {
        let Fit { columns, key } = Fit::of(table, rows, takes)?;
        let columns = columns.into_iter().zip(rows.columns()).map(|(kept, column)| {
            let wire = Wire::between(&column.column_type, &kept.declared);
            ShapeColumn {
                name: quoted(&column.name),
                direct: wire.is_direct(&kept.declared),
                copied_as: wire.copied_as(&kept.declared),
                equality: Equality::of(&wire, &kept.declared),
                wire,
                declared: kept.declared.clone(),
                is_key: table.is_key(&column.name),
            }
        });
        Ok(Self { columns: columns.collect(), key })
    }

    /// Whether rows can be copied straight into the table, in the form in which they are sent.
    pub(crate) fn is_direct(&self) -> bool {
        self.columns.iter().all(|column| column.direct)
    }

    /// Whether new rows can be copied straight into the table.
    pub(crate) fn is_copyable(&self) -> bool {
        self.columns.iter().all(|column| column.copied_as.is_some())
    }
}

/// Rows of another kind than the plan's would be converted by the server without a word; narrower
/// ones of the same kind fit.
fn takes(kept: &KeptColumn, column: &Column) -> bool {
    use ColumnType as T;
    let (planned, brought) = (&kept.column.column_type, &column.column_type);
    let kind = matches!((brought, planned), (T::Integer, T::BigInt) | (T::Float, T::Double))
        || matches!((brought, planned), (T::Decimal { .. }, T::Decimal { .. }));
    planned == brought || kind && refusal(column, &kept.declared).is_none()
}

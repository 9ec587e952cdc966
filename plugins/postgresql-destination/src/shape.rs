//! How the columns of a batch meet the columns of a table.

use cartridge_warp_sdk::{Column, ColumnType, Failure, Operation, TableRows, WriteMode};
use postgresql_client::names::quoted;

use crate::kept::{Wire, refusal};
use crate::table::{KeptColumn, Table};

/// A column that a batch brings.
pub(crate) struct ShapeColumn {
    /// Its name as SQL.
    pub(crate) name: String,
    pub(crate) wire: Wire,
    pub(crate) declared: String,
    /// Whether rows can be copied straight into it.
    pub(crate) direct: bool,
    pub(crate) is_key: bool,
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
        let columns = rows.columns().iter().map(|column| {
            let name = &column.name;
            let kept = table.column(name).ok_or_else(|| {
                Failure::stop(
                    "unknown-column",
                    format!("rows of table {} have an unknown column {name}", table.name),
                )
            })?;
            check_type(table, kept, column)?;
            let wire = Wire::between(&column.column_type, &kept.declared);
            Ok(ShapeColumn {
                name: quoted(name),
                direct: wire.is_direct(&kept.declared),
                wire,
                declared: kept.declared.clone(),
                is_key: table.is_key(name),
            })
        });
        let columns = columns.collect::<Result<_, Failure>>()?;
        // Truncates carry no columns at all, so a batch of them needs no key.
        let only_truncates = (0..rows.len()).all(|row| rows.op(row) == Operation::Truncate);
        let names: &[String] = match table.write_mode {
            WriteMode::Upsert if !only_truncates => &table.key,
            _ => &[],
        };
        let place = |name: &String| rows.index_of(name).ok_or_else(|| no_key(table, name));
        let key = names.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Self { columns, key })
    }

    /// Whether rows can be copied straight into the table.
    pub(crate) fn is_direct(&self) -> bool {
        self.columns.iter().all(|column| column.direct)
    }
}

/// Rows of another kind than the plan's would be converted by the server without a word; narrower
/// ones of the same kind fit.
fn check_type(table: &Table, kept: &KeptColumn, column: &Column) -> Result<(), Failure> {
    use ColumnType as T;
    let (planned, brought) = (&kept.column.column_type, &column.column_type);
    let kind = matches!((brought, planned), (T::Integer, T::BigInt) | (T::Float, T::Double))
        || matches!((brought, planned), (T::Decimal { .. }, T::Decimal { .. }));
    let fits = planned == brought || kind && refusal(column, &kept.declared).is_none();
    if fits {
        return Ok(());
    }
    Err(Failure::stop(
        "column-type",
        format!(
            "rows of table {} bring {} as {brought}, but the column holds {planned}",
            table.name, kept.column.name
        ),
    ))
}

fn no_key(table: &Table, name: &str) -> Failure {
    Failure::stop(
        "malformed-batch",
        format!("rows of table {} come without key column {name}", table.name),
    )
}

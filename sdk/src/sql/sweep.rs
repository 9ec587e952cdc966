//! What is left over of a table that was copied again while its rows stayed.

use super::adopt::planned;
use super::evolve::evolve;
use super::table::{KeptColumn, Table, Tables};
use super::vendor::Vendor;
use crate::{ChangeOutcome, Failure, SchemaChange, WriteMode};

/// The condition that the key of a row is not in the table of keys; `row` is what the row's table is called in
/// the statement. `compared` has the form in which a key is compared, given what the table has in its place: the
/// same unless the one was made for the other.
///
/// # Errors
/// When the tables do not belong together.
pub fn left_over<V: Vendor>(
    vendor: &V,
    table: &Table,
    keys: &Table,
    row: &str,
    compared: impl Fn(String, &KeptColumn, &KeptColumn) -> String,
) -> Result<String, Failure> {
    let of_table: Option<Vec<_>> = table.key.iter().map(|name| table.column(name)).collect();
    let of_keys: Option<Vec<_>> =
        (0..table.key.len()).map(|at| keys.column(&format!("k{at}"))).collect();
    let pairs = of_table
        .zip(of_keys)
        .filter(|_| table.write_mode == WriteMode::Upsert && keys.columns.len() == table.key.len());
    let Some((of_table, of_keys)) = pairs else {
        let (keys, table) = (&keys.name, &table.name);
        let words = format!("the columns of table {keys} are not the key of table {table}");
        return Err(Failure::stop("other-keys", words));
    };
    let parts = of_table.into_iter().zip(of_keys).map(|(kept, key)| {
        let value = compared(format!("k.{}", vendor.quoted(&key.column.name)), kept, key);
        format!("{row}.{} = {value}", vendor.quoted(&kept.column.name))
    });
    let parts = parts.collect::<Vec<_>>().join(" AND ");
    Ok(format!("NOT EXISTS (SELECT 1 FROM {} AS k WHERE {parts})", keys.sql))
}

/// Drops the table of keys.
///
/// # Errors
/// When it cannot be dropped, or was never made for this.
pub fn drop_keys<V: Vendor>(vendor: &V, keys: &str, tables: &mut Tables) -> Result<(), V::Error> {
    planned(keys, tables)?;
    match evolve(vendor, &SchemaChange::drop_table(keys), tables)? {
        ChangeOutcome::Refused(reason) => {
            Err(Failure::stop("keys-stay", format!("table {keys} was not dropped: {reason}"))
                .into())
        }
        ChangeOutcome::Applied | ChangeOutcome::Unchanged => Ok(()),
    }
}

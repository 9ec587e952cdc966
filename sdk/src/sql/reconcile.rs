//! Brings a table that is there and its plan together.

use super::existing::{Existing, ExistingColumn, Unique};
use super::table::{KeptColumn, SEQ, Table};
use super::vendor::Vendor;
use crate::{Failure, WriteMode};

/// Adds the columns that a table lacks, and refuses it where it would lose or merge rows.
pub(super) fn reconcile<V: Vendor>(
    vendor: &V,
    table: &mut Table,
    existing: &Existing,
) -> Result<(), V::Error> {
    let mut columns = std::mem::take(&mut table.columns);
    for kept in &mut columns {
        reconcile_column(vendor, table, kept, existing)?;
    }
    table.columns = columns;
    reconcile_own(vendor, table, existing)?;
    check_demands(vendor, table, existing)?;
    Ok(check_key(vendor, table, existing)?)
}

/// Refuses a log that nothing is known of, such as one whose metadata is gone: neither does anything tell
/// which of its rows are still right, nor would new rows have higher numbers.
pub(super) fn check_no_log<V: Vendor>(
    vendor: &V,
    table: &Table,
    existing: &Existing,
) -> Result<(), Failure> {
    if table.write_mode != WriteMode::Append || column(vendor, existing, SEQ).is_none() {
        return Ok(());
    }
    let why = format!(
        "is a log of which this pipeline knows nothing (it has a column {SEQ}); rename or drop it"
    );
    Err(refuse(table, "unknown-log", &why))
}

/// The column that has a name in the database.
pub(super) fn column<'e, V: Vendor>(
    vendor: &V,
    existing: &'e Existing,
    name: &str,
) -> Option<&'e ExistingColumn> {
    existing.columns.iter().find(|column| vendor.is_same_name(&column.name, name))
}

/// Whether these columns, in any order, are unique.
fn is_unique<V: Vendor>(vendor: &V, existing: &Existing, key: &[String]) -> bool {
    let has = |unique: &Unique, name: &String| {
        unique.columns.iter().any(|column| vendor.is_same_name(column, name))
    };
    existing.unique.iter().any(|unique| {
        unique.exact
            && unique.columns.len() == key.len()
            && key.iter().all(|name| has(unique, name))
    })
}

/// Adds a data column, which is declared on the way.
pub(super) fn add_column<V: Vendor>(
    vendor: &V,
    table: &Table,
    kept: &mut KeptColumn,
) -> Result<(), V::Error> {
    vendor.declare(vec![&mut *kept])?;
    add(vendor, table, &kept.column.name, &kept.declared)
}

fn add<V: Vendor>(
    vendor: &V,
    table: &Table,
    name: &str,
    declaration: &str,
) -> Result<(), V::Error> {
    let name = vendor.quoted(name);
    vendor.run(&format!("ALTER TABLE {} ADD COLUMN {name} {declaration}", table.sql))
}

fn reconcile_column<V: Vendor>(
    vendor: &V,
    table: &Table,
    kept: &mut KeptColumn,
    existing: &Existing,
) -> Result<(), V::Error> {
    let Some(found) = column(vendor, existing, &kept.column.name) else {
        return add_column(vendor, table, kept);
    };
    let name = &kept.column.name;
    if found.generated {
        let why = format!("computes column {name}; exclude the column");
        return Err(refuse(table, "column-type", &why).into());
    }
    if let Some(why) = vendor.why_unfit(&kept.column, &found.declared) {
        let why = format!("its column {name} {why}; change the column's type or exclude it");
        return Err(refuse(table, "column-type", &why).into());
    }
    kept.declared.clone_from(&found.declared);
    Ok(())
}

fn reconcile_own<V: Vendor>(
    vendor: &V,
    table: &Table,
    existing: &Existing,
) -> Result<(), V::Error> {
    for (name, own) in table.own_columns() {
        match column(vendor, existing, name) {
            None => add(vendor, table, name, vendor.own_declaration(own))?,
            Some(found) if !vendor.own_fits(own, &found.declared) => {
                let why = format!("its column {name} is {}; rename it", found.declared);
                return Err(refuse(table, "column-name-taken", &why).into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn is_written<V: Vendor>(vendor: &V, table: &Table, name: &str) -> bool {
    table.columns.iter().any(|kept| vendor.is_same_name(&kept.column.name, name))
        || table.own_columns().iter().any(|(own, _)| vendor.is_same_name(own, name))
}

fn check_demands<V: Vendor>(vendor: &V, table: &Table, existing: &Existing) -> Result<(), Failure> {
    let mut demanded = existing.columns.iter().filter(|column| column.demanded);
    match demanded.find(|column| !is_written(vendor, table, &column.name)) {
        None => Ok(()),
        Some(column) => {
            let why = format!("demands column {}; give it a default", column.name);
            Err(refuse(table, "required-column", &why))
        }
    }
}

fn check_key<V: Vendor>(vendor: &V, table: &Table, existing: &Existing) -> Result<(), Failure> {
    // Numbers are no row's twice.
    let is_number = |name: &String| vendor.is_same_name(name, SEQ);
    let all_written = |set: &Unique| {
        set.columns.iter().all(|name| is_written(vendor, table, name) && !is_number(name))
    };
    let problem = match table.write_mode {
        WriteMode::Upsert if !is_unique(vendor, existing, &table.key) => {
            let key = table.key.join(", ");
            format!("has no unique index on ({key}) that tells all values apart; create one")
        }
        WriteMode::Append if existing.unique.iter().any(all_written) => {
            "has a unique index, but append keeps many rows per key; drop the index".to_owned()
        }
        _ => return Ok(()),
    };
    Err(refuse(table, "incompatible-key", &problem))
}

fn refuse(table: &Table, code: &str, why: &str) -> Failure {
    Failure::config(code, format!("table {} is there already and {why}", table.sql))
}

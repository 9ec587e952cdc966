//! Makes a table, or adopts the one that is there.
//!
//! Adopting adds columns and never drops or changes anything. What could lose or merge rows, such as
//! a key that is not unique or a column that is too narrow, is a failure with words.

use super::definition::Stored;
use super::reconcile::{check_no_log, reconcile};
use super::table::{KeptColumn, Table, Tables};
use super::vendor::{Vendor, read, store};
use crate::{Failure, TablePlan, WriteMode, log};

/// Makes the plan's table be there, and answers how it is kept.
///
/// # Errors
/// `config` when the plan cannot be kept, or the table that is there cannot be reconciled with it.
pub fn adopt<V: Vendor>(vendor: &V, plan: &TablePlan, audit: bool) -> Result<Table, V::Error> {
    let physical = vendor.physical(&plan.place_in(vendor.schema()))?;
    let sql = vendor.table_sql(&physical);
    let mut table = Table::of(plan, physical, sql, audit);
    check_plan(vendor, &table)?;
    let existing = vendor.existing(&table.physical)?;
    let known = match vendor.load(&table.physical)? {
        Some(stored) if is_owner(vendor, plan, &stored) => Some(read(vendor, stored)?),
        Some(stored) if existing.is_some() => return Err(taken(vendor, plan, &stored).into()),
        Some(_) => {
            // Nothing is left of another one's table.
            vendor.remove(&table)?;
            None
        }
        None => None,
    };
    match &known {
        Some(known) => inherit(vendor, &mut table, known)?,
        None => vendor.leave(&table)?,
    }
    match existing {
        Some(existing) => {
            if known.is_none() {
                check_no_log(vendor, &table, &existing)?;
            }
            table.adopted = known.as_ref().is_none_or(|known| known.adopted);
            reconcile(vendor, &mut table, &existing)?;
        }
        None => {
            if known.is_some() {
                log::warn("a table had been removed by hand", &[("table", &table.physical.table)]);
            }
            create(vendor, &mut table)?;
        }
    }
    if known.is_none_or(|known| known != table) {
        store(vendor, &table)?;
    }
    Ok(table)
}

/// A table that [`adopt`] has made known.
///
/// # Errors
/// `stop` when it was never planned.
pub fn planned<'t>(name: &str, tables: &'t Tables) -> Result<&'t Table, Failure> {
    tables
        .get(name)
        .ok_or_else(|| Failure::stop("unknown-table", format!("table {name} was never planned")))
}

fn create<V: Vendor>(vendor: &V, table: &mut Table) -> Result<(), V::Error> {
    vendor.declare(table.columns.iter_mut().collect())?;
    let upsert = table.write_mode == WriteMode::Upsert;
    // Only keys are NOT NULL: an update of a row that was never seen may bring some columns only.
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|kept| {
            let required = upsert && table.is_key(&kept.column.name);
            let words = if required { " NOT NULL" } else { "" };
            format!("{} {}{words}", vendor.quoted(&kept.column.name), kept.declared)
        })
        .collect();
    let own = table.own_columns();
    parts.extend(own.iter().map(|(name, own)| {
        let declaration = vendor.own_declaration(*own);
        format!("{} {declaration}", vendor.quoted(name))
    }));
    if upsert {
        let key: Vec<String> = table.key.iter().map(|name| vendor.quoted(name)).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    vendor.run(&format!("CREATE TABLE {} ({})", table.sql, parts.join(", ")))
}

fn check_plan<V: Vendor>(vendor: &V, table: &Table) -> Result<(), Failure> {
    let own = table.own_columns();
    let data = table.columns.iter().map(|kept| kept.column.name.as_str());
    let mut seen: Vec<&str> = Vec::new();
    for name in data.chain(own.iter().map(|(name, _)| *name)) {
        vendor.check_name(&format!("a column of table {}", table.name), name)?;
        if let Some(other) = seen.iter().find(|known| vendor.is_same_name(known, name)) {
            return Err(Failure::config(
                "column-name-taken",
                format!(
                    "table {} would have two columns {name} and {other}, which are one name to the \
                     destination (the connector's own columns count); rename or exclude one under \
                     tables[].columns, or set soft_delete_column or deleted_at_column",
                    table.name
                ),
            ));
        }
        seen.push(name);
    }
    let append = table.write_mode == WriteMode::Append;
    if !append && table.key.is_empty() {
        return Err(Failure::config(
            "no-key",
            format!("table {} has no key; set write_mode: append", table.name),
        ));
    }
    match table.key.iter().find(|key| table.column(key).is_none()) {
        None => Ok(()),
        Some(key) => Err(Failure::config(
            "no-key",
            format!("key column {key} of table {} is not among its columns", table.name),
        )),
    }
}

fn is_owner<V: Vendor>(vendor: &V, plan: &TablePlan, stored: &Stored) -> bool {
    stored.schema == vendor.schema() && stored.name == plan.name
}

fn taken<V: Vendor>(vendor: &V, plan: &TablePlan, stored: &Stored) -> Failure {
    let Stored { schema: owner, name: of_owner, physical, .. } = stored;
    Failure::config(
        "table-name-taken",
        format!(
            "{owner}.{of_owner} and {}.{} would be the same table {} of the destination; keep one of \
             them under another name (destination_schema, table_prefix, destination_table)",
            vendor.schema(),
            plan.name,
            physical.table
        ),
    )
}

/// Takes over what a table keeps when its plan changes.
fn inherit<V: Vendor>(vendor: &V, table: &mut Table, known: &Table) -> Result<(), Failure> {
    if table.write_mode != known.write_mode {
        return Err(Failure::config(
            "write-mode-changed",
            format!(
                "table {} was made for another write_mode, which keeps different rows; change it \
                 back, or drop the table and run with --full-resync",
                table.name
            ),
        ));
    }
    if table.soft_column.is_none() {
        table.soft_column.clone_from(&known.soft_column);
        table.deleted_at.clone_from(&known.deleted_at);
    }
    // A type that no value showed is a guess: the one that the table has is none.
    for column in table.columns.iter_mut().filter(|kept| kept.column.unseen) {
        if let Some(kept) = known.column(&column.column.name) {
            column.clone_from(kept);
        }
    }
    // Columns that the plan no longer has are still there.
    for kept in &known.columns {
        let same = |other: &KeptColumn| vendor.is_same_name(&other.column.name, &kept.column.name);
        if !table.columns.iter().any(same) {
            table.columns.push(kept.clone());
        }
    }
    Ok(())
}

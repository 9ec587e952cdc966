//! Makes a table, or adopts the one that is there.
//!
//! Adopting adds columns and never drops or changes anything. What could lose or merge rows, such as
//! a key that is not unique or a column that is too narrow, is a failure with words.

use std::collections::HashSet;

use cartridge_warp_sdk::{Failure, TablePlan, WriteMode, log};
use postgresql_client::names::{check, literal, quoted, quoted_list};

use crate::catalog;
use crate::existing::Existing;
use crate::kept;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::table::{KeptColumn, Table};

/// Makes the plan's table be there.
pub(crate) fn ensure(scope: Scope<'_>, plan: &TablePlan, audit: bool) -> Result<Table, Refusal> {
    scope.names.check_table(scope.schema, &plan.name)?;
    let mut table = Table::of(scope.schema, plan, audit);
    check_plan(&table)?;
    let known = catalog::load(scope, &table.name)?;
    if let Some(known) = &known {
        inherit(&mut table, known)?;
    }
    match Existing::find(scope, &table.name)? {
        Some(existing) => {
            table.adopted = known.as_ref().is_none_or(|known| known.adopted);
            reconcile(scope, &mut table, &existing)?;
        }
        None => {
            if known.is_some() {
                log::warn("a table had been removed by hand", &[("table", &table.name)]);
            }
            create(scope, &mut table)?;
        }
    }
    if known.is_none_or(|known| known != table) {
        catalog::store(scope, &table)?;
    }
    Ok(table)
}

/// Adds a column to a table and remembers how it was declared.
pub(crate) fn add_column(
    scope: Scope<'_>,
    table: &Table,
    kept: &mut KeptColumn,
) -> Result<(), Refusal> {
    declare(scope, std::iter::once(&mut *kept))?;
    add(scope, table, &kept.column.name, &kept.declared)
}

/// Decides which types columns are declared with.
pub(crate) fn declare<'a>(
    scope: Scope<'_>,
    columns: impl Iterator<Item = &'a mut KeptColumn>,
) -> Result<(), Refusal> {
    let columns: Vec<_> = columns.collect();
    let asked: HashSet<&str> =
        columns.iter().filter_map(|kept| kept::origin(&kept.column)).collect();
    let mut there = HashSet::new();
    for origin in asked {
        let name = kept::bare_name(origin);
        let sql = format!("SELECT 1 WHERE to_regtype({}) IS NOT NULL", literal(&name));
        if !scope.session.query(&sql, &[])?.is_empty() {
            there.insert(name);
        }
    }
    for kept in columns {
        kept.declared = kept::declaration(&kept.column, |name| there.contains(name));
    }
    Ok(())
}

fn add(scope: Scope<'_>, table: &Table, name: &str, declaration: &str) -> Result<(), Refusal> {
    scope.run(&format!("ALTER TABLE {} ADD COLUMN {} {declaration}", table.sql(), quoted(name)))
}

fn create(scope: Scope<'_>, table: &mut Table) -> Result<(), Refusal> {
    declare(scope, table.columns.iter_mut())?;
    // Only keys are NOT NULL: an update of a row that was never seen may bring some columns only.
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|kept| format!("{} {}", quoted(&kept.column.name), kept.declared))
        .collect();
    let own = table.own_columns();
    parts.extend(own.iter().map(|(name, words)| format!("{} {words}", quoted(name))));
    if table.write_mode == WriteMode::Upsert {
        parts.push(format!("PRIMARY KEY ({})", quoted_list(table.key.iter().map(String::as_str))));
    }
    scope.run(&format!("CREATE TABLE {} ({})", table.sql(), parts.join(", ")))
}

fn check_plan(table: &Table) -> Result<(), Failure> {
    let own = table.own_columns();
    let data = table.columns.iter().map(|kept| kept.column.name.as_str());
    let mut seen = HashSet::new();
    for name in data.chain(own.iter().map(|(name, _)| *name)) {
        check(&format!("a column of table {}", table.name), name)?;
        if !seen.insert(name) {
            return Err(Failure::config(
                "column-name-taken",
                format!(
                    "table {} would have two columns {name} (the connector's own columns count); \
                     rename or exclude one under tables[].columns, or set soft_delete_column",
                    table.name
                ),
            ));
        }
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

/// Takes over what a table keeps when its plan changes.
fn inherit(table: &mut Table, known: &Table) -> Result<(), Failure> {
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
    table.soft_column = table.soft_column.take().or_else(|| known.soft_column.clone());
    // Columns that the plan no longer has are still there.
    for kept in &known.columns {
        if table.column(&kept.column.name).is_none() {
            table.columns.push(kept.clone());
        }
    }
    Ok(())
}

fn reconcile(scope: Scope<'_>, table: &mut Table, existing: &Existing) -> Result<(), Refusal> {
    let mut columns = std::mem::take(&mut table.columns);
    for kept in &mut columns {
        reconcile_column(scope, table, kept, existing)?;
    }
    table.columns = columns;
    let own = table.own_columns();
    for (name, declaration) in &own {
        match existing.column(name) {
            None => add(scope, table, name, declaration)?,
            Some(found) if !declaration.starts_with(found.declared.as_str()) => {
                let why = format!("its column {name} is {}; rename it", found.declared);
                return Err(refuse(table, "column-name-taken", &why).into());
            }
            Some(_) => {}
        }
    }
    let written =
        |name: &String| table.column(name).is_some() || own.iter().any(|(own, _)| own == name);
    if let Some(column) = existing.columns.iter().find(|c| c.demanded && !written(&c.name)) {
        let why = format!("demands column {}; give it a default", column.name);
        return Err(refuse(table, "required-column", &why).into());
    }
    let problem = match table.write_mode {
        WriteMode::Upsert if !existing.is_unique(&table.key) => {
            let key = table.key.join(", ");
            format!("has no unique index on ({key}) that tells all values apart; create one")
        }
        WriteMode::Append if existing.unique.iter().any(|set| set.columns.iter().all(written)) => {
            "has a unique index, but append keeps many rows per key; drop the index".to_owned()
        }
        _ => return Ok(()),
    };
    Err(refuse(table, "incompatible-key", &problem).into())
}

fn reconcile_column(
    scope: Scope<'_>,
    table: &Table,
    kept: &mut KeptColumn,
    existing: &Existing,
) -> Result<(), Refusal> {
    let Some(found) = existing.column(&kept.column.name) else {
        return add_column(scope, table, kept);
    };
    let name = &kept.column.name;
    if found.generated {
        let why = format!("computes column {name}; exclude the column");
        return Err(refuse(table, "column-type", &why).into());
    }
    if let Some(why) = kept::refusal(&kept.column, &found.declared) {
        let why = format!("its column {name} {why}; change the column's type or exclude it");
        return Err(refuse(table, "column-type", &why).into());
    }
    kept.declared.clone_from(&found.declared);
    Ok(())
}

fn refuse(table: &Table, code: &str, why: &str) -> Failure {
    Failure::config(code, format!("table {} is there already and {why}", table.sql()))
}

//! Makes a table, or adopts the one that is there.
//!
//! Adopting adds columns and never drops or changes anything. What could lose or merge rows, such as
//! a key that is not unique or a column that converts what it stores, is a failure with words.

use cartridge_warp_sdk::{Failure, TablePlan, WriteMode, log};

use crate::affinity::Affinity;
use crate::catalog;
use crate::existing::Existing;
use crate::names::{Scope, check, quoted, quoted_list};
use crate::storage::Storage;
use crate::table::Table;

/// Makes the plan's table be there.
pub(crate) fn ensure(scope: Scope<'_>, plan: &TablePlan, audit: bool) -> Result<Table, Failure> {
    let physical = scope.names.physical(scope.schema, &plan.name)?;
    let mut table = Table::of(plan, physical, audit);
    check_plan(&table)?;
    let known = catalog::load(scope, &table.physical)?;
    if let Some(entry) = &known {
        check_owner(scope, plan, entry)?;
        inherit(&mut table, &entry.table)?;
    }
    match Existing::find(scope, &table.physical)? {
        Some(existing) => {
            table.adopted = known.as_ref().is_none_or(|entry| entry.table.adopted);
            reconcile(scope, &table, &existing)?;
        }
        None => {
            if known.is_some() {
                log::warn("a table had been removed by hand", &[("table", &table.physical)]);
            }
            create(scope, &table)?;
        }
    }
    if known.is_none_or(|entry| entry.table != table) {
        catalog::store(scope, &plan.name, &table)?;
    }
    Ok(table)
}

/// Adds a column to a table.
pub(crate) fn add_column(
    scope: Scope<'_>,
    physical: &str,
    name: &str,
    declaration: &str,
) -> Result<(), Failure> {
    let (table, name) = (quoted(physical), quoted(name));
    scope.run(&format!("ALTER TABLE {table} ADD COLUMN {name} {declaration}"))
}

fn create(scope: Scope<'_>, table: &Table) -> Result<(), Failure> {
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("{} {}", quoted(&column.name), table.declaration(column)))
        .collect();
    let own = table.own_columns();
    parts.extend(own.iter().map(|(name, words)| format!("{} {words}", quoted(name))));
    if table.write_mode == WriteMode::Upsert {
        // One INTEGER key becomes the row id: no second tree to keep.
        parts.push(format!("PRIMARY KEY ({})", quoted_list(table.key.iter().map(String::as_str))));
    }
    scope.run(&format!("CREATE TABLE {} ({})", quoted(&table.physical), parts.join(", ")))
}

fn check_plan(table: &Table) -> Result<(), Failure> {
    let own = table.own_columns();
    let data = table.columns.iter().map(|column| column.name.as_str());
    let mut seen: Vec<String> = Vec::new();
    for name in data.chain(own.iter().map(|(name, _)| *name)) {
        check("a column", name)?;
        let folded = name.to_ascii_lowercase();
        if seen.contains(&folded) {
            return Err(Failure::config(
                "column-name-taken",
                format!(
                    "table {} would have two columns {name} (SQLite ignores case; the connector's \
                     own columns count); rename or exclude one under tables[].columns, or set \
                     soft_delete_column",
                    table.physical
                ),
            ));
        }
        seen.push(folded);
    }
    let append = table.write_mode == WriteMode::Append;
    if !append && table.key.is_empty() {
        return Err(Failure::config(
            "no-key",
            format!("table {} has no key; set write_mode: append", table.physical),
        ));
    }
    match table.key.iter().find(|key| table.column(key).is_none()) {
        None => Ok(()),
        Some(key) => Err(Failure::config(
            "no-key",
            format!("key column {key} of table {} is not among its columns", table.physical),
        )),
    }
}

fn check_owner(scope: Scope<'_>, plan: &TablePlan, entry: &catalog::Entry) -> Result<(), Failure> {
    if entry.schema == scope.schema && entry.name == plan.name {
        return Ok(());
    }
    Err(Failure::config(
        "table-name-taken",
        format!(
            "{}.{} and {}.{} would be the same table {} of the file; set options.schema_prefix, or \
             use a file for each schema",
            entry.schema, entry.name, scope.schema, plan.name, entry.table.physical
        ),
    ))
}

/// Takes over what a table keeps when its plan changes.
fn inherit(table: &mut Table, known: &Table) -> Result<(), Failure> {
    if table.write_mode != known.write_mode {
        return Err(Failure::config(
            "write-mode-changed",
            format!(
                "table {} was made for another write_mode, which keeps different rows; change it \
                 back, or drop the table and run with --full-resync",
                table.physical
            ),
        ));
    }
    table.soft_column = table.soft_column.take().or_else(|| known.soft_column.clone());
    // Columns that the plan no longer has are still there.
    for column in &known.columns {
        if !table.columns.iter().any(|c| c.name.eq_ignore_ascii_case(&column.name)) {
            table.columns.push(column.clone());
        }
    }
    Ok(())
}

fn reconcile(scope: Scope<'_>, table: &Table, existing: &Existing) -> Result<(), Failure> {
    let refuse = |code: &str, why: String| {
        Err(Failure::config(code, format!("table {} is there already and {why}", table.physical)))
    };
    for column in &table.columns {
        let Some(found) = existing.column(&column.name) else {
            let declaration = Storage::of(&column.column_type).word();
            add_column(scope, &table.physical, &column.name, declaration)?;
            continue;
        };
        let (name, kind) = (&column.name, &column.column_type);
        if found.generated {
            return refuse("column-type", format!("computes column {name}; exclude the column"));
        }
        if !Affinity::of(&found.declared).keeps(Storage::of(kind)) {
            let declared = &found.declared;
            let why = format!(
                "its column {name} is {declared:?}, which would not keep {kind} values as they are; \
                 change the column's type or exclude it"
            );
            return refuse("column-type", why);
        }
    }
    let own = table.own_columns();
    for (name, declaration) in &own {
        if existing.column(name).is_none() {
            add_column(scope, &table.physical, name, declaration)?;
        }
    }
    let written = |name: &str| {
        table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
            || own.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    if let Some(column) = existing.columns.iter().find(|c| c.demanded && !written(&c.name)) {
        let name = &column.name;
        return refuse("required-column", format!("demands column {name}; give it a default"));
    }
    match table.write_mode {
        WriteMode::Upsert if !existing.is_unique(&table.key) => {
            let key = table.key.join(", ");
            refuse("incompatible-key", format!("has no unique index on ({key}); create one"))
        }
        WriteMode::Append
            if existing.unique.iter().any(|set| set.iter().all(|name| written(name))) =>
        {
            let why = "has a unique index, but append keeps many rows per key; drop the index";
            refuse("incompatible-key", why.to_owned())
        }
        _ => Ok(()),
    }
}

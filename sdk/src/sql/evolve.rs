//! Applies changes of shape that the host decided on.
//!
//! Each change is looked for first, because it repeats after a crash: what is so already is
//! `unchanged`. What the database will not do is `refused` with its reason, and leaves nothing half
//! done.

use super::reconcile::{add_column, column};
use super::table::{KeptColumn, Table, Tables};
use super::vendor::{Retype, Vendor, find, store};
use crate::{ChangeKind, ChangeOutcome, Column, SchemaChange};

/// Applies one change.
///
/// # Errors
/// When the connection or the metadata is to blame; a change that cannot be made is an outcome.
pub fn evolve<V: Vendor>(
    vendor: &V,
    change: &SchemaChange,
    tables: &mut Tables,
) -> Result<ChangeOutcome, V::Error> {
    if let ChangeKind::Unknown(kind) = &change.kind {
        return Ok(refused(format!("this connector knows no schema change {kind:?}")));
    }
    let known = match tables.get(&change.table) {
        Some(table) => Some(table.clone()),
        None => find(vendor, &change.table)?,
    };
    let Some(mut table) = known else {
        return Ok(match change.kind {
            // A table is made with its plan, by create-table-if-not-exists.
            ChangeKind::AddTable | ChangeKind::DropTable => ChangeOutcome::Unchanged,
            _ => refused(format!("there is no table {}", change.table)),
        });
    };
    let outcome = match (&change.kind, change.column.as_deref()) {
        (ChangeKind::AddTable, _) => ChangeOutcome::Unchanged,
        (ChangeKind::DropTable, _) => return drop_table(vendor, &table, tables),
        (_, None) => refused("the change names no column".to_owned()),
        (ChangeKind::AddColumn, Some(name)) => add(vendor, change, &mut table, name)?,
        (ChangeKind::DropColumn, Some(name)) => drop_column(vendor, &mut table, name)?,
        (ChangeKind::RenameColumn, Some(name)) => rename(vendor, change, &mut table, name)?,
        (_, Some(name)) => modify(vendor, change, &mut table, name)?,
    };
    if outcome == ChangeOutcome::Applied {
        store(vendor, &table)?;
        tables.insert(change.table.clone(), table);
    }
    Ok(outcome)
}

fn drop_table<V: Vendor>(
    vendor: &V,
    table: &Table,
    tables: &mut Tables,
) -> Result<ChangeOutcome, V::Error> {
    if table.adopted {
        return Ok(refused("the table was there before the connector; drop it by hand".to_owned()));
    }
    let outcome = run(vendor, &[format!("DROP TABLE IF EXISTS {}", table.sql)])?;
    if outcome == ChangeOutcome::Applied {
        vendor.remove(table)?;
        tables.remove(&table.name);
    }
    Ok(outcome)
}

fn add<V: Vendor>(
    vendor: &V,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, V::Error> {
    let Some(added) = after(change, name) else { return Ok(not_in_after(name)) };
    if table.column(name).is_some() {
        return Ok(ChangeOutcome::Unchanged);
    }
    if let Err(failure) = vendor.check_name("a column", name) {
        return Ok(refused(failure.message));
    }
    let existing = vendor.existing(&table.physical)?;
    if existing.is_some_and(|existing| column(vendor, &existing, name).is_some()) {
        return Ok(refused(format!("a column {name} is there already and is not the source's")));
    }
    let mut kept = KeptColumn { column: added, declared: String::new() };
    add_column(vendor, table, &mut kept)?;
    table.columns.push(kept);
    Ok(ChangeOutcome::Applied)
}

fn drop_column<V: Vendor>(
    vendor: &V,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, V::Error> {
    if table.column(name).is_none() {
        return Ok(ChangeOutcome::Unchanged);
    }
    if table.is_key(name) {
        return Ok(refused(format!("column {name} is part of the key")));
    }
    let mut statements = vendor.before_drop(table, name)?;
    statements.push(format!("ALTER TABLE {} DROP COLUMN {}", table.sql, vendor.quoted(name)));
    let outcome = run(vendor, &statements)?;
    if outcome == ChangeOutcome::Applied {
        table.columns.retain(|kept| kept.column.name != name);
    }
    Ok(outcome)
}

fn rename<V: Vendor>(
    vendor: &V,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, V::Error> {
    let Some(new_name) = change.new_name.as_deref() else {
        return Ok(refused("the change names no new column name".to_owned()));
    };
    match (table.column(name).is_some(), table.column(new_name).is_some()) {
        (false, true) => return Ok(ChangeOutcome::Unchanged),
        (false, false) => return Ok(refused(format!("there is no column {name}"))),
        (true, true) => return Ok(refused(format!("a column {new_name} is there already"))),
        (true, false) => {}
    }
    if let Err(failure) = vendor.check_name("a column", new_name) {
        return Ok(refused(failure.message));
    }
    let (old, new) = (vendor.quoted(name), vendor.quoted(new_name));
    let outcome =
        run(vendor, &[format!("ALTER TABLE {} RENAME COLUMN {old} TO {new}", table.sql)])?;
    if outcome == ChangeOutcome::Applied {
        let names = table.columns.iter_mut().map(|kept| &mut kept.column.name);
        names.chain(&mut table.key).filter(|n| *n == name).for_each(|n| *n = new_name.to_owned());
    }
    Ok(outcome)
}

fn modify<V: Vendor>(
    vendor: &V,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, V::Error> {
    let Some(column) = after(change, name) else { return Ok(not_in_after(name)) };
    let Some(present) = table.column(name).cloned() else {
        return Ok(refused(format!("there is no column {name}")));
    };
    let (kept, outcome) = match vendor.retype(table, &present, &column)? {
        Retype::Unchanged => return Ok(ChangeOutcome::Unchanged),
        Retype::Refused(reason) => return Ok(refused(reason)),
        Retype::Kept(kept) => (kept, ChangeOutcome::Applied),
        Retype::Rewritten(kept, statements) => (kept, run(vendor, &statements)?),
    };
    if outcome == ChangeOutcome::Applied {
        let found = table.columns.iter_mut().filter(|kept| kept.column.name == name);
        found.for_each(|found| *found = kept.clone());
    }
    Ok(outcome)
}

/// Runs statements, all or none; one that the database will not do is refused in its words.
fn run<V: Vendor>(vendor: &V, statements: &[String]) -> Result<ChangeOutcome, V::Error> {
    vendor.run("SAVEPOINT change")?;
    match statements.iter().try_for_each(|sql| vendor.run(sql)) {
        Ok(()) => {
            vendor.run("RELEASE SAVEPOINT change")?;
            Ok(ChangeOutcome::Applied)
        }
        Err(error) => match vendor.refusal_words(&error) {
            None => Err(error),
            Some(words) => {
                vendor.run("ROLLBACK TO SAVEPOINT change")?;
                vendor.run("RELEASE SAVEPOINT change")?;
                Ok(refused(words))
            }
        },
    }
}

fn after(change: &SchemaChange, name: &str) -> Option<Column> {
    let table = change.after.as_ref()?;
    table.columns.iter().find(|column| column.name == name).cloned()
}

fn not_in_after(name: &str) -> ChangeOutcome {
    refused(format!("the change does not say what column {name} is"))
}

fn refused(reason: String) -> ChangeOutcome {
    ChangeOutcome::Refused(reason)
}

//! Applies changes of shape that the host decided on.
//!
//! Each change is looked for first, because it repeats after a crash: what is so already is
//! `unchanged`. What SQLite cannot do is `refused` with its reason, and leaves nothing half done.

use cartridge_warp_sdk::{ChangeKind, ChangeOutcome, Column, ColumnType, Failure, SchemaChange};

use crate::adopt::add_column;
use crate::catalog;
use crate::conversion::{Conversion, between};
use crate::existing::Existing;
use crate::names::{Scope, quoted};
use crate::storage::Storage;
use crate::table::{Table, Tables};

/// Applies one change.
pub(crate) fn apply(
    scope: Scope<'_>,
    change: &SchemaChange,
    tables: &mut Tables,
) -> Result<ChangeOutcome, Failure> {
    if let ChangeKind::Unknown(kind) = &change.kind {
        return Ok(refused(format!("this connector knows no schema change {kind:?}")));
    }
    let Some(mut table) = known(scope, &change.table, tables)? else {
        return Ok(match change.kind {
            // A table is made with its plan, by create-table-if-not-exists.
            ChangeKind::AddTable | ChangeKind::DropTable => ChangeOutcome::Unchanged,
            _ => refused(format!("there is no table {}", change.table)),
        });
    };
    let outcome = match (&change.kind, change.column.as_deref()) {
        (ChangeKind::AddTable, _) => ChangeOutcome::Unchanged,
        (ChangeKind::DropTable, _) => return drop_table(scope, change, &table, tables),
        (_, None) => refused("the change names no column".to_owned()),
        (ChangeKind::AddColumn, Some(name)) => add(scope, change, &mut table, name)?,
        (ChangeKind::DropColumn, Some(name)) => drop_column(scope, &mut table, name)?,
        (ChangeKind::RenameColumn, Some(name)) => rename(scope, change, &mut table, name)?,
        (_, Some(name)) => modify(scope, change, &mut table, name)?,
    };
    if outcome == ChangeOutcome::Applied {
        catalog::store(scope, &change.table, &table)?;
        tables.insert(change.table.clone(), table);
    }
    Ok(outcome)
}

fn known(scope: Scope<'_>, name: &str, tables: &Tables) -> Result<Option<Table>, Failure> {
    if let Some(table) = tables.get(name) {
        return Ok(Some(table.clone()));
    }
    let entry = catalog::load(scope, &scope.names.physical(scope.schema, name)?)?;
    let ours = entry.filter(|entry| entry.schema == scope.schema && entry.name == name);
    Ok(ours.map(|entry| entry.table))
}

fn drop_table(
    scope: Scope<'_>,
    change: &SchemaChange,
    table: &Table,
    tables: &mut Tables,
) -> Result<ChangeOutcome, Failure> {
    if table.adopted {
        return Ok(refused("the table was there before the connector; drop it by hand".to_owned()));
    }
    let outcome = run(scope, &[format!("DROP TABLE IF EXISTS {}", quoted(&table.physical))])?;
    if outcome == ChangeOutcome::Applied {
        catalog::remove(scope, &table.physical)?;
        tables.remove(&change.table);
    }
    Ok(outcome)
}

fn add(
    scope: Scope<'_>,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, Failure> {
    let Some(column) = after(change, name) else { return Ok(not_in_after(name)) };
    if table.column(name).is_some() {
        return Ok(ChangeOutcome::Unchanged);
    }
    if has_column(scope, table, name)? {
        return Ok(refused(format!("a column {name} is there already and is not the source's")));
    }
    add_column(scope, &table.physical, name, Storage::of(&column.column_type).word())?;
    table.columns.push(column);
    Ok(ChangeOutcome::Applied)
}

fn drop_column(scope: Scope<'_>, table: &mut Table, name: &str) -> Result<ChangeOutcome, Failure> {
    if table.column(name).is_none() {
        return Ok(ChangeOutcome::Unchanged);
    }
    if table.is_key(name) {
        return Ok(refused(format!("column {name} is part of the key")));
    }
    let sql = format!("ALTER TABLE {} DROP COLUMN {}", quoted(&table.physical), quoted(name));
    let outcome = run(scope, &[sql])?;
    if outcome == ChangeOutcome::Applied {
        table.columns.retain(|column| column.name != name);
    }
    Ok(outcome)
}

fn rename(
    scope: Scope<'_>,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, Failure> {
    let Some(new_name) = change.new_name.as_deref() else {
        return Ok(refused("the change names no new column name".to_owned()));
    };
    match (table.column(name).is_some(), table.column(new_name).is_some()) {
        (false, true) => return Ok(ChangeOutcome::Unchanged),
        (false, false) => return Ok(refused(format!("there is no column {name}"))),
        (true, true) => return Ok(refused(format!("a column {new_name} is there already"))),
        (true, false) => {}
    }
    let outcome = run(scope, &[rename_sql(table, name, new_name)])?;
    if outcome == ChangeOutcome::Applied {
        let names = table.columns.iter_mut().map(|column| &mut column.name);
        names.chain(&mut table.key).filter(|n| *n == name).for_each(|n| *n = new_name.to_owned());
    }
    Ok(outcome)
}

/// SQLite cannot change a column's type: values move to a new column that takes its name.
fn modify(
    scope: Scope<'_>,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, Failure> {
    let Some(column) = after(change, name) else { return Ok(not_in_after(name)) };
    let Some(present) = table.column(name).map(|column| column.column_type.clone()) else {
        return Ok(refused(format!("there is no column {name}")));
    };
    if present == column.column_type {
        return Ok(ChangeOutcome::Unchanged);
    }
    let outcome = match between(&present, &column.column_type) {
        Conversion::None => ChangeOutcome::Applied,
        Conversion::Impossible => {
            refused(format!("{present} values have no exact form as {}", column.column_type))
        }
        Conversion::Rewrite(_) if table.is_key(name) => {
            refused(format!("column {name} is part of the key, whose type SQLite cannot change"))
        }
        Conversion::Rewrite(expression) => {
            run(scope, &rebuild(table, name, &column.column_type, expression))?
        }
    };
    if outcome == ChangeOutcome::Applied {
        table.columns.iter_mut().filter(|c| c.name == name).for_each(|c| *c = column.clone());
    }
    Ok(outcome)
}

fn rebuild(table: &Table, name: &str, to: &ColumnType, expression: &str) -> Vec<String> {
    let (new_name, physical) = (format!("{name}__cartridge_new"), quoted(&table.physical));
    let (new, old) = (quoted(&new_name), quoted(name));
    let value = expression.replace("{}", &old);
    vec![
        format!("ALTER TABLE {physical} ADD COLUMN {new} {}", Storage::of(to).word()),
        format!("UPDATE {physical} SET {new} = {value}"),
        format!("ALTER TABLE {physical} DROP COLUMN {old}"),
        rename_sql(table, &new_name, name),
    ]
}

fn rename_sql(table: &Table, from: &str, to: &str) -> String {
    let (table, from, to) = (quoted(&table.physical), quoted(from), quoted(to));
    format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}")
}

/// Runs statements, all or none; a statement that SQLite will not do is refused in its words.
fn run(scope: Scope<'_>, statements: &[String]) -> Result<ChangeOutcome, Failure> {
    scope.run("SAVEPOINT change")?;
    for sql in statements {
        if let Err(failure) = scope.run(sql) {
            if failure.code != "sqlite" {
                return Err(failure);
            }
            scope.run("ROLLBACK TO change; RELEASE change")?;
            return Ok(refused(failure.detail.unwrap_or(failure.message)));
        }
    }
    scope.run("RELEASE change")?;
    Ok(ChangeOutcome::Applied)
}

fn has_column(scope: Scope<'_>, table: &Table, name: &str) -> Result<bool, Failure> {
    let existing = Existing::find(scope, &table.physical)?;
    Ok(existing.is_some_and(|existing| existing.column(name).is_some()))
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

//! Applies changes of shape that the host decided on.
//!
//! Each change is looked for first, because it repeats after a crash: what is so already is
//! `unchanged`. What the server will not do is `refused` with its reason, and leaves nothing half
//! done.

use cartridge_warp_sdk::{Action, ChangeKind, ChangeOutcome, Column, SchemaChange};
use postgresql_client::names::{check, quoted};

use crate::adopt::{add_column, declare};
use crate::catalog;
use crate::conversion;
use crate::existing::Existing;
use crate::kept;
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::table::{KeptColumn, Table, Tables};

/// Applies one change.
pub(crate) fn apply(
    scope: Scope<'_>,
    change: &SchemaChange,
    tables: &mut Tables,
) -> Result<ChangeOutcome, Refusal> {
    if let ChangeKind::Unknown(kind) = &change.kind {
        return Ok(refused(format!("this connector knows no schema change {kind:?}")));
    }
    let known = match tables.get(&change.table) {
        Some(table) => Some(table.clone()),
        None => catalog::load(scope, &change.table)?,
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
        (ChangeKind::DropTable, _) => return drop_table(scope, &table, tables),
        (_, None) => refused("the change names no column".to_owned()),
        (ChangeKind::AddColumn, Some(name)) => add(scope, change, &mut table, name)?,
        (ChangeKind::DropColumn, Some(name)) => drop_column(scope, &mut table, name)?,
        (ChangeKind::RenameColumn, Some(name)) => rename(scope, change, &mut table, name)?,
        (_, Some(name)) => modify(scope, change, &mut table, name)?,
    };
    if outcome == ChangeOutcome::Applied {
        catalog::store(scope, &table)?;
        tables.insert(change.table.clone(), table);
    }
    Ok(outcome)
}

fn drop_table(
    scope: Scope<'_>,
    table: &Table,
    tables: &mut Tables,
) -> Result<ChangeOutcome, Refusal> {
    if table.adopted {
        return Ok(refused("the table was there before the connector; drop it by hand".to_owned()));
    }
    let outcome = run(scope, &format!("DROP TABLE IF EXISTS {}", table.sql()))?;
    if outcome == ChangeOutcome::Applied {
        catalog::remove(scope, &table.name)?;
        tables.remove(&table.name);
    }
    Ok(outcome)
}

fn add(
    scope: Scope<'_>,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, Refusal> {
    let Some(column) = after(change, name) else { return Ok(not_in_after(name)) };
    if table.column(name).is_some() {
        return Ok(ChangeOutcome::Unchanged);
    }
    if let Err(failure) = check("a column", name) {
        return Ok(refused(failure.message));
    }
    if has_column(scope, table, name)? {
        return Ok(refused(format!("a column {name} is there already and is not the source's")));
    }
    let mut kept = KeptColumn { column, declared: String::new() };
    add_column(scope, table, &mut kept)?;
    table.columns.push(kept);
    Ok(ChangeOutcome::Applied)
}

fn drop_column(scope: Scope<'_>, table: &mut Table, name: &str) -> Result<ChangeOutcome, Refusal> {
    if table.column(name).is_none() {
        return Ok(ChangeOutcome::Unchanged);
    }
    if table.is_key(name) {
        return Ok(refused(format!("column {name} is part of the key")));
    }
    let sql = format!("ALTER TABLE {} DROP COLUMN {}", table.sql(), quoted(name));
    let outcome = run(scope, &sql)?;
    if outcome == ChangeOutcome::Applied {
        table.columns.retain(|kept| kept.column.name != name);
    }
    Ok(outcome)
}

fn rename(
    scope: Scope<'_>,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, Refusal> {
    let Some(new_name) = change.new_name.as_deref() else {
        return Ok(refused("the change names no new column name".to_owned()));
    };
    match (table.column(name).is_some(), table.column(new_name).is_some()) {
        (false, true) => return Ok(ChangeOutcome::Unchanged),
        (false, false) => return Ok(refused(format!("there is no column {name}"))),
        (true, true) => return Ok(refused(format!("a column {new_name} is there already"))),
        (true, false) => {}
    }
    if let Err(failure) = check("a column", new_name) {
        return Ok(refused(failure.message));
    }
    let (old, new) = (quoted(name), quoted(new_name));
    let sql = format!("ALTER TABLE {} RENAME COLUMN {old} TO {new}", table.sql());
    let outcome = run(scope, &sql)?;
    if outcome == ChangeOutcome::Applied {
        let names = table.columns.iter_mut().map(|kept| &mut kept.column.name);
        names.chain(&mut table.key).filter(|n| *n == name).for_each(|n| *n = new_name.to_owned());
    }
    Ok(outcome)
}

fn modify(
    scope: Scope<'_>,
    change: &SchemaChange,
    table: &mut Table,
    name: &str,
) -> Result<ChangeOutcome, Refusal> {
    let Some(column) = after(change, name) else { return Ok(not_in_after(name)) };
    let Some(present) = table.column(name).cloned() else {
        return Ok(refused(format!("there is no column {name}")));
    };
    let (from, to) = (&present.column.column_type, &column.column_type);
    if from == to && present.column.origin_type == column.origin_type {
        return Ok(ChangeOutcome::Unchanged);
    }
    let mut kept = KeptColumn { column: column.clone(), declared: present.declared.clone() };
    let expression = if from == to { Some("{}") } else { conversion::between(from, to) };
    let Some(expression) = expression else {
        return Ok(refused(format!("{from} values have no exact form as {to}")));
    };
    // A column that is wide enough and keeps values as they are stays: nothing is rewritten.
    let as_it_is = expression == "{}" || expression == "{}::text";
    let outcome = if as_it_is && kept::refusal(&kept.column, &kept.declared).is_none() {
        ChangeOutcome::Applied
    } else {
        declare(scope, std::iter::once(&mut kept))?;
        if from == to && !kept::widens(&present.declared, &kept.declared) {
            let reason = format!("not every {} is a {}", present.declared, kept.declared);
            return Ok(refused(reason));
        }
        let column = quoted(name);
        let value = expression.replace("{}", &column);
        let (table, declared) = (table.sql(), &kept.declared);
        let sql = format!(
            "ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT,
             ALTER COLUMN {column} TYPE {declared} USING {value}::{declared}"
        );
        run(scope, &sql)?
    };
    if outcome == ChangeOutcome::Applied {
        let found = table.columns.iter_mut().filter(|kept| kept.column.name == name);
        found.for_each(|found| *found = kept.clone());
    }
    Ok(outcome)
}

/// Runs a statement; one that the server will not do is refused in its words.
fn run(scope: Scope<'_>, sql: &str) -> Result<ChangeOutcome, Refusal> {
    scope.run("SAVEPOINT change")?;
    match scope.run(sql) {
        Ok(()) => {
            scope.run("RELEASE change")?;
            Ok(ChangeOutcome::Applied)
        }
        Err(refusal) if matches!(refusal.failure.action, Action::Stop | Action::Config) => {
            scope.run("ROLLBACK TO change; RELEASE change")?;
            Ok(refused(refusal.words()))
        }
        Err(refusal) => Err(refusal),
    }
}

fn has_column(scope: Scope<'_>, table: &Table, name: &str) -> Result<bool, Refusal> {
    let existing = Existing::find(scope, &table.name)?;
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

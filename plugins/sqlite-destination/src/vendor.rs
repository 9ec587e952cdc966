//! SQLite's words for the SDK's flow of tables.

use cartridge_warp_sdk::sql::{Existing, KeptColumn, Own, Retype, Stored, Table, Vendor};
use cartridge_warp_sdk::{Column, Failure, TablePlace};

use crate::affinity::Affinity;
use crate::catalog;
use crate::conversion::{Conversion, between};
use crate::existing;
use crate::extras;
use crate::failure;
use crate::names::{MAIN, Scope, check, quoted};
use crate::storage::Storage;

impl Vendor for Scope<'_> {
    type Error = Failure;

    fn schema(&self) -> &str {
        self.schema
    }

    fn check_name(&self, what: &str, name: &str) -> Result<(), Failure> {
        check(what, name)
    }

    fn is_same_name(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    fn physical(&self, place: &TablePlace) -> Result<TablePlace, Failure> {
        Ok(TablePlace::new(MAIN, self.names.physical(place)?))
    }

    fn table_sql(&self, physical: &TablePlace) -> String {
        quoted(&physical.table)
    }

    fn run(&self, sql: &str) -> Result<(), Failure> {
        self.connection.execute_batch(sql).map_err(|error| failure::of(&error))
    }

    fn refusal_words(&self, error: &Failure) -> Option<String> {
        let refused = error.code == failure::REFUSED;
        refused.then(|| error.detail.clone().unwrap_or_else(|| error.message.clone()))
    }

    fn existing(&self, physical: &TablePlace) -> Result<Option<Existing>, Failure> {
        existing::find(*self, &physical.table)
    }

    fn load(&self, physical: &TablePlace) -> Result<Option<Stored>, Failure> {
        catalog::load(*self, &physical.table)
    }

    fn find(&self, table: &str) -> Result<Option<Stored>, Failure> {
        catalog::find(*self, table)
    }

    fn store(&self, table: &Table, definition: &str) -> Result<(), Failure> {
        catalog::store(*self, table, definition)
    }

    fn leave(&self, table: &Table) -> Result<(), Failure> {
        catalog::leave(*self, table)
    }

    fn remove(&self, table: &Table) -> Result<(), Failure> {
        catalog::remove(*self, &table.physical.table)
    }

    fn declare(&self, columns: Vec<&mut KeptColumn>) -> Result<(), Failure> {
        for kept in columns {
            Storage::of(&kept.column.column_type).word().clone_into(&mut kept.declared);
        }
        Ok(())
    }

    fn why_unfit(&self, column: &Column, declared: &str) -> Option<String> {
        let kind = &column.column_type;
        let keeps = Affinity::of(declared).keeps(Storage::of(kind));
        (!keeps).then(|| format!("is {declared:?}, which would not keep {kind} values as they are"))
    }

    fn own_declaration(&self, own: Own) -> &'static str {
        match own {
            Own::Text | Own::Moment | Own::Json => "TEXT",
            Own::Flag => "INTEGER NOT NULL DEFAULT 0",
            Own::Count => "INTEGER",
        }
    }

    /// Any column holds them, whatever it is declared as.
    fn own_fits(&self, _own: Own, _declared: &str) -> bool {
        true
    }

    fn before_drop(&self, table: &Table, column: &str) -> Result<Vec<String>, Failure> {
        let over = if table.adopted { Vec::new() } else { extras::over(*self, table, column)? };
        Ok(over.into_iter().map(|index| index.drop).collect())
    }

    /// SQLite cannot change a column's type: values move to a new column that takes its name.
    fn retype(
        &self,
        table: &Table,
        present: &KeptColumn,
        wanted: &Column,
    ) -> Result<Retype, Failure> {
        let (from, to) = (&present.column.column_type, &wanted.column_type);
        let mut kept = KeptColumn { column: wanted.clone(), declared: present.declared.clone() };
        let name = &wanted.name;
        Ok(match between(from, to) {
            _ if from == to => Retype::Unchanged,
            Conversion::None => Retype::Kept(kept),
            Conversion::Rewrite(_) | Conversion::Impossible if table.is_key(name) => {
                Retype::Refused(format!(
                    "column {name} is part of the key, whose type SQLite cannot change"
                ))
            }
            Conversion::Impossible
                if table.adopted || existing::has_values(*self, table, name)? =>
            {
                Retype::Refused(format!("{from} values have no exact form as {to}"))
            }
            Conversion::Impossible => {
                self.declare(vec![&mut kept])?;
                let statements = rebuild(*self, table, &kept, "NULL")?;
                Retype::Rewritten(kept, statements)
            }
            Conversion::Rewrite(expression) => {
                self.declare(vec![&mut kept])?;
                let statements = rebuild(*self, table, &kept, expression)?;
                Retype::Rewritten(kept, statements)
            }
        })
    }
}

fn rebuild(
    scope: Scope<'_>,
    table: &Table,
    kept: &KeptColumn,
    expression: &str,
) -> Result<Vec<String>, Failure> {
    let over = extras::over(scope, table, &kept.column.name)?;
    let (name, declared, table) = (&kept.column.name, &kept.declared, &table.sql);
    let (new, old) = (quoted(&format!("{name}__cartridge_new")), quoted(name));
    let value = expression.replace("{}", &old);
    let moved = [
        format!("ALTER TABLE {table} ADD COLUMN {new} {declared}"),
        format!("UPDATE {table} SET {new} = {value}"),
        format!("ALTER TABLE {table} DROP COLUMN {old}"),
        format!("ALTER TABLE {table} RENAME COLUMN {new} TO {old}"),
    ];
    let (drops, again): (Vec<_>, Vec<_>) =
        over.into_iter().map(|index| (index.drop, index.again)).unzip();
    Ok([drops, moved.into(), again].concat())
}

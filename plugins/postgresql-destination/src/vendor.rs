//! PostgreSQL's words for the SDK's flow of tables.

use std::collections::HashSet;

use cartridge_warp_sdk::sql::{Existing, KeptColumn, Own, Retype, Stored, Table, Vendor};
use cartridge_warp_sdk::{Action, Column, Failure, TablePlace};
use postgresql_client::names::{check, literal, qualified, quoted};

use crate::catalog;
use crate::conversion;
use crate::existing;
use crate::kept;
use crate::refusal::Refusal;
use crate::scope::Scope;

impl Vendor for Scope<'_> {
    type Error = Refusal;

    fn schema(&self) -> &str {
        self.schema
    }

    fn check_name(&self, what: &str, name: &str) -> Result<(), Failure> {
        check(what, name)
    }

    fn physical(&self, place: &TablePlace) -> Result<TablePlace, Failure> {
        self.names.check_place(place)?;
        Ok(place.clone())
    }

    fn table_sql(&self, physical: &TablePlace) -> String {
        qualified(&physical.schema, &physical.table)
    }

    fn run(&self, sql: &str) -> Result<(), Refusal> {
        self.session.run(sql)
    }

    fn refusal_words(&self, error: &Refusal) -> Option<String> {
        let final_ = matches!(error.failure.action, Action::Stop | Action::Config);
        final_.then(|| error.words())
    }

    fn existing(&self, physical: &TablePlace) -> Result<Option<Existing>, Refusal> {
        existing::find(*self, physical)
    }

    fn load(&self, physical: &TablePlace) -> Result<Option<Stored>, Refusal> {
        catalog::load(*self, physical)
    }

    fn find(&self, table: &str) -> Result<Option<Stored>, Refusal> {
        catalog::find(*self, table)
    }

    fn store(&self, table: &Table, definition: &str) -> Result<(), Refusal> {
        catalog::store(*self, table, definition)
    }

    fn leave(&self, table: &Table) -> Result<(), Refusal> {
        catalog::leave(*self, table)
    }

    fn remove(&self, table: &Table) -> Result<(), Refusal> {
        catalog::remove(*self, &table.physical)
    }

    fn declare(&self, columns: Vec<&mut KeptColumn>) -> Result<(), Refusal> {
        let asked: HashSet<&str> =
            columns.iter().filter_map(|kept| kept::origin(&kept.column)).collect();
        let mut there = HashSet::new();
        for origin in asked {
            let name = kept::bare_name(origin);
            let sql = format!("SELECT 1 WHERE to_regtype({}) IS NOT NULL", literal(&name));
            if !self.session.query(&sql, &[])?.is_empty() {
                there.insert(name);
            }
        }
        for kept in columns {
            kept.declared = kept::declaration(&kept.column, |name| there.contains(name));
        }
        Ok(())
    }

    fn why_unfit(&self, column: &Column, declared: &str) -> Option<String> {
        kept::refusal(column, declared)
    }

    fn own_declaration(&self, own: Own) -> &'static str {
        match own {
            Own::Text => "text",
            Own::Moment => "timestamp with time zone",
            Own::Json => "jsonb",
            Own::Flag => "boolean NOT NULL DEFAULT false",
            Own::Count => "bigint",
        }
    }

    fn own_fits(&self, own: Own, declared: &str) -> bool {
        self.own_declaration(own).starts_with(declared)
    }

    fn retype(
        &self,
        table: &Table,
        present: &KeptColumn,
        wanted: &Column,
    ) -> Result<Retype, Refusal> {
        let (from, to) = (&present.column.column_type, &wanted.column_type);
        if from == to && present.column.origin_type == wanted.origin_type {
            return Ok(Retype::Unchanged);
        }
        let mut kept = KeptColumn { column: wanted.clone(), declared: present.declared.clone() };
        let expression = match conversion::between(from, to) {
            _ if from == to => "{}",
            Some(expression) => expression,
            None if !table.adopted && !existing::has_values(*self, table, &wanted.name)? => "NULL",
            None => {
                return Ok(Retype::Refused(format!("{from} values have no exact form as {to}")));
            }
        };
        // A column that is wide enough and keeps values as they are stays: nothing is rewritten.
        let as_it_is = expression == "{}" || expression == "{}::text";
        if as_it_is && kept::refusal(&kept.column, &kept.declared).is_none() {
            return Ok(Retype::Kept(kept));
        }
        self.declare(vec![&mut kept])?;
        if from == to && !kept::widens(&present.declared, &kept.declared) {
            let (present, wanted) = (&present.declared, &kept.declared);
            return Ok(Retype::Refused(format!("not every {present} is a {wanted}")));
        }
        let column = quoted(&wanted.name);
        let value = expression.replace("{}", &column);
        let (table, declared) = (&table.sql, &kept.declared);
        let sql = format!(
            "ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT,
             ALTER COLUMN {column} TYPE {declared} USING {value}::{declared}"
        );
        Ok(Retype::Rewritten(kept, vec![sql]))
    }
}

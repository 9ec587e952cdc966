//! Rows that take each other's values where these cannot be empty: all of them leave the table, get their
//! values outside of it, and come back.
//!
//! Whole rows travel, with the columns that the batch does not have and those that are the operator's own.

use std::cell::RefCell;

use cartridge_warp_sdk::sql::Table;
use postgresql_client::names::{literal, quoted, quoted_list};

use crate::apply::Applier;
use crate::collapse::Change;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::statement::{From, Writer};

/// A place beside one table.
pub(crate) struct Parking<'a> {
    applier: &'a Applier<'a>,
    /// The place, kept like the table.
    beside: Table,
    /// Columns that have values of their own, as SQL.
    columns: String,
}

impl<'a> Parking<'a> {
    /// Makes the place, until the transaction's end; none where it would do more to leave the table than
    /// that.
    pub(crate) fn open(
        session: &Session,
        applier: &'a Applier<'a>,
        number: usize,
    ) -> Result<Option<Self>, Refusal> {
        let table = applier.table;
        if table.key.is_empty() || is_watched(session, table)? {
            return Ok(None);
        }
        let sql = format!("pg_temp.{}", quoted(&format!("_cartridge_parking_{number}")));
        let key = quoted_list(table.key.iter().map(String::as_str));
        session.run(&format!(
            "DROP TABLE IF EXISTS {sql};
             CREATE TEMPORARY TABLE {} (LIKE {}, PRIMARY KEY ({key})) ON COMMIT DROP",
            sql.trim_start_matches("pg_temp."),
            table.sql
        ))?;
        let columns = format!(
            "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass({})
                 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            literal(&table.sql)
        );
        let rows = session.query(&columns, &[])?;
        let names: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
        let columns = quoted_list(names.iter().map(String::as_str));
        Ok(Some(Self { applier, beside: Table { sql, ..table.clone() }, columns }))
    }

    /// The rows of these changes leave the table.
    pub(crate) fn leave(&self, changes: &[Change]) -> Result<(), Refusal> {
        let writer = Writer::new(self.applier.table, self.applier.shape, From::Parameters);
        self.applier.each(changes, &writer.leave(&self.beside.sql))
    }

    /// They get their values.
    pub(crate) fn change(&self, changes: &[Change]) -> Result<(), Refusal> {
        let Applier { session, rows, shape, encoded, .. } = *self.applier;
        let statements = RefCell::default();
        let table = &self.beside;
        let beside = Applier { session, table, rows, shape, encoded, stage: None, statements };
        beside.apply_in_order(changes)
    }

    /// They come back.
    pub(crate) fn come_back(&self, changes: &[Change]) -> Result<(), Refusal> {
        let writer = Writer::new(self.applier.table, self.applier.shape, From::Parameters);
        self.applier.each(changes, &writer.come_back(&self.beside.sql, &self.columns))
    }
}

/// Whether a foreign key or a trigger would take rows that leave for deleted ones.
fn is_watched(session: &Session, table: &Table) -> Result<bool, Refusal> {
    let name = literal(&table.sql);
    let sql = format!(
        "SELECT 1 FROM pg_catalog.pg_constraint WHERE contype = 'f'
             AND confrelid = to_regclass({name}) AND confdeltype NOT IN ('a', 'r')
         UNION ALL SELECT 1 FROM pg_catalog.pg_trigger
         WHERE tgrelid = to_regclass({name}) AND NOT tgisinternal
         UNION ALL SELECT 1 FROM pg_catalog.pg_rewrite WHERE ev_class = to_regclass({name})"
    );
    Ok(!session.query(&sql, &[])?.is_empty())
}

//! Looks at the catalog from time to time for what the log does not tell: tables that came, went, or
//! left the publication.

use std::collections::BTreeSet;
use std::time::Instant;

use cartridge_warp_sdk::{Failure, SchemaChange};

use super::relations::new_table;
use super::start::made_anew;
use crate::PostgresqlSource;
use crate::catalog::publication;
use crate::catalog::tables::{self, Which};

/// What was there at the last look.
pub struct Watch {
    known: BTreeSet<u32>,
    looked: Instant,
}

impl Watch {
    /// Takes note of what is there.
    pub fn new(source: &PostgresqlSource, schema: &str) -> Result<Self, Failure> {
        let known = tables::oids(&source.control, source.server.version, schema)?;
        Ok(Self { known: known.into_iter().collect(), looked: Instant::now() })
    }

    /// Looks if it is time; tables that are gone are announced.
    pub fn look(
        &mut self,
        source: &mut PostgresqlSource,
        schema: &str,
        publication: &str,
    ) -> Result<Vec<SchemaChange>, Failure> {
        if self.looked.elapsed() < source.options.table_check() {
            return Ok(Vec::new());
        }
        self.looked = Instant::now();
        let now: BTreeSet<u32> =
            tables::oids(&source.control, source.server.version, schema)?.into_iter().collect();
        let (mut changes, version) = (Vec::new(), source.server.version);
        for table in source.selected().iter().filter(|table| !now.contains(&table.oid)) {
            let which = Which::Named(schema, &table.shape.name);
            let again = tables::read(&source.control, version, &which, &source.options)?;
            if !again.is_empty() {
                return Err(made_anew(table));
            }
            changes.push(SchemaChange::drop_table(&table.shape.name));
            source.forget(table.oid);
        }
        if let Some(oid) = now.difference(&self.known).next() {
            let which = Which::Oid(*oid);
            let new = tables::read(&source.control, version, &which, &source.options)?;
            if let Some(new) = new.first() {
                return Err(new_table(&new.shape.name));
            }
        }
        self.known = now;
        let selected = source.selected();
        let gaps = publication::missing(&source.control, &source.server, publication, &selected)?;
        match gaps.first() {
            Some(table) => Err(publication::left_out(publication, table)),
            None => Ok(changes),
        }
    }
}

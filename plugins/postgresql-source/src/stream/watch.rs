//! Looks at the catalog from time to time for what the log does not tell: tables that came, went, or
//! left the publication, and values that changed where no row did (rewrites, types, partitions).

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

use cartridge_warp_sdk::{Failure, SchemaChange};

use super::collect::Collector;
use super::leaves::LeafWatch;
use super::published;
use super::relations::new_table;
use crate::PostgresqlSource;
use crate::catalog::SourceTable;
use crate::catalog::tables::{self, Which};
use crate::followed::check_table;
use crate::position::Position;
use crate::shape;

/// What was there at the last look.
pub struct Watch {
    known: BTreeSet<u32>,
    leaves: LeafWatch,
    looked: Instant,
}

impl Watch {
    /// Takes note of what was there when tables were selected: others may have come while those were
    /// copied.
    pub fn new(source: &PostgresqlSource) -> Self {
        let known = source.tables.keys().copied().collect();
        Self { known, leaves: LeafWatch::default(), looked: Instant::now() }
    }

    /// Looks at the partitions only, before the log is read on from a position.
    pub fn look_at_leaves(
        &mut self,
        source: &PostgresqlSource,
        position: &mut Position,
    ) -> Result<Vec<SchemaChange>, Failure> {
        self.leaves.look(source, position)
    }

    /// Whether the log's end does not mean yet that everything has come.
    pub fn waits(&self, position: &Position) -> bool {
        self.leaves.waits(position)
    }

    /// Looks if it is time; what is gone or other is announced.
    pub fn look(
        &mut self,
        source: &mut PostgresqlSource,
        schema: &str,
        publication: &str,
        collector: &mut Collector,
    ) -> Result<Vec<SchemaChange>, Failure> {
        let position = &mut collector.position;
        if self.looked.elapsed() < source.options.table_check() {
            let is_due = self.leaves.is_due(position);
            return if is_due { self.leaves.look(source, position) } else { Ok(Vec::new()) };
        }
        self.looked = Instant::now();
        let (session, version) = (&source.control, source.server.version);
        let now = tables::read(session, version, &Which::Schema(schema), &source.options)?;
        let oids: BTreeSet<u32> = now.iter().map(|table| table.oid).collect();
        let new = now.iter().find(|table| !self.known.contains(&table.oid));
        let mut changes = Vec::new();
        for known in source.selected() {
            match now.iter().find(|table| table.oid == known.oid) {
                Some(table) => {
                    changes.extend(changed(source, &known, table, collector)?);
                }
                None if now.iter().any(|table| table.shape.name == known.shape.name) => {
                    return Err(new_table(&known.shape.name));
                }
                None => {
                    changes.push(SchemaChange::drop_table(&known.shape.name));
                    source.forget(known.oid);
                }
            }
        }
        if let Some(new) = new {
            return Err(new_table(&new.shape.name));
        }
        self.known = oids;
        let selected = source.selected();
        published::check(source, schema, publication, &selected, &collector.position)?;
        changes.extend(self.leaves.look(source, &mut collector.position)?);
        Ok(changes)
    }
}

/// What a table's shape has become. Rows that are older are fitted into it.
fn changed(
    source: &mut PostgresqlSource,
    known: &SourceTable,
    now: &SourceTable,
    collector: &mut Collector,
) -> Result<Vec<SchemaChange>, Failure> {
    if now.shape.name != known.shape.name {
        return Err(new_table(&now.shape.name));
    }
    check_table(now)?;
    let changes = shape::changes(known, now)?;
    if !changes.is_empty() {
        collector.remember(known);
        collector.remember(now);
        let mut now = now.clone();
        now.entries.known_by(&known.entries);
        source.tables.insert(now.oid, Rc::new(now));
    }
    Ok(changes)
}

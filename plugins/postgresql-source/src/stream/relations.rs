//! Which table and columns the log's relations are to us.
//!
//! The log tells a table's shape as it was when a row was written; the host wants one shape at a
//! time. So the catalog's shape of now counts: when a relation differs from the known shape, the
//! catalog is asked again, changes are announced once, and older rows are fitted into the newer
//! shape by the names that columns have or had. Columns that a row did not have yet count as
//! values that were not sent. Which field is which column is told by `fitting`.

use std::collections::HashMap;
use std::rc::Rc;

use cartridge_warp_sdk::{Failure, SchemaChange};

use super::fitting::{Fitting, Names};
use crate::catalog::SourceTable;
use crate::pgoutput::{Begin, Relation};
use crate::shape;

/// What a relation is to us.
#[derive(Debug, Clone)]
pub enum Followed {
    /// A table that nobody selected, or that is gone.
    No,
    /// Rows are wanted.
    Yes(Rc<Fitting>),
}

/// Where relations look up what they are.
pub trait Catalog {
    /// The table as it was last told to the host.
    fn known(&self, oid: u32) -> Option<Rc<SourceTable>>;
    /// Whether a table's rows are wanted.
    fn is_selected(&self, table: &SourceTable) -> bool;
    /// Whether its columns are still what they were when it was read, or a row is older than that anyway.
    fn is_current(&self, table: &SourceTable, row: &Begin) -> Result<bool, Failure>;
    /// The table as it is now, and at least as a transaction of this number left it; none when it
    /// is gone.
    fn read(&mut self, oid: u32, transaction: u32) -> Result<Option<SourceTable>, Failure>;
    /// Remembers the shape that the host is told now.
    fn learn(&mut self, table: Rc<SourceTable>);
}

/// The relations of one read of the log.
#[derive(Default)]
pub struct Relations {
    by_id: HashMap<u32, Followed>,
    /// Names that columns have had, by table; kept from read to read.
    names: HashMap<u32, Names>,
}

impl Relations {
    /// Forgets the relations: each read of the log tells them anew.
    pub fn forget(&mut self) {
        self.by_id.clear();
    }

    /// What a row's relation is to us.
    pub fn get(&self, id: u32) -> Result<Followed, Failure> {
        self.by_id.get(&id).cloned().ok_or_else(|| {
            crate::session::unexpected("the log has a row of a table that it did not describe")
        })
    }

    /// Takes note of a relation, which a row's transaction comes with. Changes of shape are to be announced
    /// before its next row.
    pub fn meet(
        &mut self,
        catalog: &mut dyn Catalog,
        schema: &str,
        relation: &Relation,
        row: &Begin,
    ) -> Result<Vec<SchemaChange>, Failure> {
        let (followed, changes) = self.resolve(catalog, schema, relation, row)?;
        self.by_id.insert(relation.id, followed);
        Ok(changes)
    }

    fn resolve(
        &mut self,
        catalog: &mut dyn Catalog,
        schema: &str,
        relation: &Relation,
        row: &Begin,
    ) -> Result<(Followed, Vec<SchemaChange>), Failure> {
        let Some(known) = catalog.known(relation.id) else {
            if relation.schema != schema || catalog.read(relation.id, row.id)?.is_none() {
                return Ok((Followed::No, Vec::new()));
            }
            return Err(new_table(&relation.name));
        };
        if !catalog.is_selected(&known) {
            return Ok((Followed::No, Vec::new()));
        }
        if is_same(&known, relation) && catalog.is_current(&known, row)? {
            let names = self.names.get(&relation.id);
            let fitting = Fitting::new(known.clone(), relation, row, names)?;
            if has_key(&fitting, relation) {
                return Ok((Followed::Yes(Rc::new(fitting)), Vec::new()));
            }
        }
        let Some(now) = catalog.read(relation.id, row.id)? else {
            // It is gone: what it was no longer matters to anybody.
            return Ok((Followed::No, Vec::new()));
        };
        if now.shape.name != known.shape.name || now.schema != known.schema {
            return Err(new_table(&now.shape.name));
        }
        self.remember(&known);
        self.remember(&now);
        let changes = shape::changes(&known, &now)?;
        let table = Rc::new(now);
        let fitting = Fitting::new(table.clone(), relation, row, self.names.get(&relation.id))?;
        if !has_key(&fitting, relation) {
            return Err(keyless(&table));
        }
        catalog.learn(table);
        Ok((Followed::Yes(Rc::new(fitting)), changes))
    }

    /// Remembers what columns are called, for rows of other shapes.
    pub fn remember(&mut self, table: &SourceTable) {
        let names = self.names.entry(table.oid).or_default();
        // A publication may send generated columns, which are none of ours.
        for column in &table.hidden {
            names.insert(column.name.clone(), column.number);
        }
        for column in &table.withheld {
            names.insert(column.name.clone(), column.number);
        }
        for column in &table.columns {
            names.insert(column.name.clone(), column.number);
        }
    }
}

fn is_same(table: &SourceTable, relation: &Relation) -> bool {
    let is_withheld = |name: &str| table.withheld.iter().any(|column| column.name == name);
    let theirs = relation.columns.iter().filter(|column| !is_withheld(&column.name));
    let ours = table.columns.iter().map(|ours| (&ours.name, ours.type_oid, ours.modifier));
    let theirs = theirs.map(|theirs| (&theirs.name, theirs.type_oid, theirs.type_modifier));
    table.shape.name == relation.name && ours.eq(theirs)
}

/// Whether updates and deletes of a relation say which row they mean.
fn has_key(fitting: &Fitting, relation: &Relation) -> bool {
    let sent = relation.columns.iter().zip(&fitting.columns).filter(|(theirs, _)| theirs.is_key);
    let sent: Vec<usize> = sent.filter_map(|(_, at)| *at).collect();
    // Without any identity there are only inserts.
    let has = |at: usize| sent.contains(&at);
    relation.replica_identity == 'n' || fitting.table.key_indices().into_iter().all(has)
}

/// The failure for changes that do not say which row they mean.
pub fn keyless(table: &SourceTable) -> Failure {
    Failure::resync(
        "replica-identity",
        format!(
            "table {}: the log has changes that do not say which row they mean by the table's key \
             ({}), since the replica identity of it or of a partition was another one; set it back \
             (ALTER TABLE … REPLICA IDENTITY DEFAULT) and run again with {} to copy the table anew",
            table.qualified(),
            table.shape.key.join(", "),
            table.resync_flag()
        ),
    )
    .about([&table.shape.name])
}

/// A table that came, went or changed its name after this connection: only a new one copies what it
/// held before.
pub fn new_table(name: &str) -> Failure {
    Failure::reconnect(
        "new-table",
        format!(
            "table {name} is new, gone or has another name; the source is opened anew to copy what is \
             there"
        ),
    )
}

//! Which table and columns the log's relations are to us.
//!
//! The log tells a table's shape as it was when a row was written; the host wants one shape at a
//! time. So the catalog's shape of now counts: when a relation differs from the known shape, the
//! catalog is asked again, changes are announced once, and older rows are fitted into the newer
//! shape by the names that columns have or had. Columns that a row did not have yet count as
//! values that were not sent.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use cartridge_warp_sdk::{Failure, SchemaChange};

use crate::catalog::SourceTable;
use crate::pgoutput::Relation;
use crate::shape;

/// How rows of a relation become rows of a table.
#[derive(Debug)]
pub struct Fitting {
    /// The table as the host knows it.
    pub table: Rc<SourceTable>,
    /// For each field of a row its column; none for columns that are gone.
    pub columns: Vec<Option<usize>>,
    /// Columns that the relation does not have yet.
    pub holes: Vec<usize>,
}

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
    names: HashMap<u32, BTreeMap<String, i16>>,
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

    /// Takes note of a relation. Changes of shape are to be announced before its next row.
    pub fn meet(
        &mut self,
        catalog: &mut dyn Catalog,
        schema: &str,
        relation: &Relation,
        transaction: u32,
    ) -> Result<Vec<SchemaChange>, Failure> {
        let (followed, changes) = self.resolve(catalog, schema, relation, transaction)?;
        self.by_id.insert(relation.id, followed);
        Ok(changes)
    }

    fn resolve(
        &mut self,
        catalog: &mut dyn Catalog,
        schema: &str,
        relation: &Relation,
        transaction: u32,
    ) -> Result<(Followed, Vec<SchemaChange>), Failure> {
        let Some(known) = catalog.known(relation.id) else {
            if relation.schema != schema || catalog.read(relation.id, transaction)?.is_none() {
                return Ok((Followed::No, Vec::new()));
            }
            return Err(new_table(&relation.name));
        };
        if !catalog.is_selected(&known) {
            return Ok((Followed::No, Vec::new()));
        }
        if is_same(&known, relation) && has_key(&known, relation) {
            let place = |name: &str| known.columns.iter().position(|column| column.name == name);
            let columns = relation.columns.iter().map(|column| place(&column.name)).collect();
            let fitting = Fitting { table: known, columns, holes: Vec::new() };
            return Ok((Followed::Yes(Rc::new(fitting)), Vec::new()));
        }
        let Some(now) = catalog.read(relation.id, transaction)? else {
            // It is gone: what it was no longer matters to anybody.
            return Ok((Followed::No, Vec::new()));
        };
        if now.shape.name != known.shape.name || now.schema != known.schema {
            return Err(new_table(&now.shape.name));
        }
        self.remember(&known);
        self.remember(&now);
        let changes = shape::changes(&known, &now)?;
        if !has_key(&now, relation) {
            return Err(keyless(&now));
        }
        let table = Rc::new(now);
        catalog.learn(table.clone());
        Ok((Followed::Yes(Rc::new(self.fit(table, relation)?)), changes))
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

    fn fit(&self, table: Rc<SourceTable>, relation: &Relation) -> Result<Fitting, Failure> {
        let names = self.names.get(&table.oid);
        let place = |name: &str| {
            let number = *names?.get(name)?;
            table.columns.iter().position(|column| column.number == number)
        };
        let by_name = |name: &str| table.columns.iter().position(|column| column.name == name);
        let columns: Vec<Option<usize>> = relation
            .columns
            .iter()
            .map(|column| by_name(&column.name).or_else(|| place(&column.name)))
            .collect();
        let holes: Vec<usize> =
            (0..table.columns.len()).filter(|at| !columns.contains(&Some(*at))).collect();
        let stranger = |name: &str| {
            by_name(name).is_none() && names.is_none_or(|names| !names.contains_key(name))
        };
        let strangers: Vec<&str> = relation
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| stranger(name))
            .collect();
        // A name that is unknown and a column without a value: the one may be the other.
        if let (Some(name), Some(hole)) = (strangers.first(), holes.first()) {
            return Err(unclear(
                &table,
                format!(
                    "a column {name}, which is gone or was renamed while nobody read the log; whether \
                     it is now {} cannot be told",
                    table.columns[*hole].name,
                ),
            ));
        }
        if have_other_names(&table, &columns, &holes) {
            let what = "columns whose names belong to others by now; which is which cannot be told";
            return Err(unclear(&table, what.to_owned()));
        }
        Ok(Fitting { table, columns, holes })
    }
}

/// Whether columns cannot be those of the same names. A relation lists its columns in the order in which they
/// were made, and has each that is there by now and was made before one of its own.
fn have_other_names(table: &SourceTable, columns: &[Option<usize>], holes: &[usize]) -> bool {
    let number = |at: usize| table.columns[at].number;
    let numbers: Vec<i16> = columns.iter().flatten().map(|at| number(*at)).collect();
    let last = numbers.last().copied().unwrap_or_default();
    !numbers.is_sorted() || holes.iter().any(|hole| number(*hole) < last)
}

/// The failure for rows whose columns nobody knows any more.
fn unclear(table: &SourceTable, what: String) -> Failure {
    let failure = Failure::reconnect(
        "shape-unclear",
        format!(
            "table {}: the log has rows with {what}, so only a new copy of the table helps",
            table.qualified()
        ),
    );
    failure.about([&table.shape.name])
}

fn is_same(table: &SourceTable, relation: &Relation) -> bool {
    let is_withheld = |name: &str| table.withheld.iter().any(|column| column.name == name);
    let theirs = relation.columns.iter().filter(|column| !is_withheld(&column.name));
    let ours = table.columns.iter().map(|ours| (&ours.name, ours.type_oid, ours.modifier));
    let theirs = theirs.map(|theirs| (&theirs.name, theirs.type_oid, theirs.type_modifier));
    table.shape.name == relation.name && ours.eq(theirs)
}

/// Whether updates and deletes of a relation say which row they mean.
fn has_key(table: &SourceTable, relation: &Relation) -> bool {
    let named = |name: &str| relation.columns.iter().any(|it| it.is_key && it.name == name);
    // Without any identity there are only inserts.
    relation.replica_identity == 'n' || table.key_names().into_iter().all(named)
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

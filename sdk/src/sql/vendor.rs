//! What a database has to say and do, in an open transaction, for one schema.

use super::definition::{Definition, Stored};
use super::existing::Existing;
use super::table::{KeptColumn, Own, Table};
use crate::{Column, Failure, TablePlace};

/// How a column that is there becomes one of another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retype {
    /// It is so already.
    Unchanged,
    /// It holds the new values as it is; only how it is remembered changes.
    Kept(KeptColumn),
    /// By these statements, all or none of them.
    Rewritten(KeptColumn, Vec<String>),
    /// Not every value that may be there has an exact form, or the database cannot; with the reason.
    Refused(String),
}

/// A database in an open transaction, for one schema.
///
/// Names and types are in the database's words, statements are run as they are. Nothing here may
/// commit: whoever opened the transaction does, or rolls everything back.
pub trait Vendor {
    /// Why a statement failed.
    type Error: From<Failure>;

    /// The schema that is worked on.
    fn schema(&self) -> &str;

    /// Refuses what the database cannot use as a name even when quoted; `what` is "a column" and the
    /// like.
    ///
    /// # Errors
    /// `config` with the name and the reason.
    fn check_name(&self, what: &str, name: &str) -> Result<(), Failure>;

    /// Whether two names of columns are one to the database.
    fn is_same_name(&self, one: &str, other: &str) -> bool {
        one == other
    }

    /// A name as SQL.
    fn quoted(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// What the database makes of a place.
    ///
    /// # Errors
    /// `config` when it is impossible or the connector's own.
    fn physical(&self, place: &TablePlace) -> Result<TablePlace, Failure>;

    /// The name of a table in the database as SQL, with whatever has to stand before it.
    fn table_sql(&self, physical: &TablePlace) -> String;

    /// Runs statements.
    ///
    /// # Errors
    /// The first statement's.
    fn run(&self, sql: &str) -> Result<(), Self::Error>;

    /// The database's words when it will not do what a statement says and only a person can change
    /// that; none when the statement may succeed later, or the connection is to blame.
    fn refusal_words(&self, error: &Self::Error) -> Option<String>;

    /// Looks a table up.
    ///
    /// # Errors
    /// `config` where something else has the name, such as a view.
    fn existing(&self, physical: &TablePlace) -> Result<Option<Existing>, Self::Error>;

    /// What was stored about a table of the database, whichever schema it belongs to.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self, physical: &TablePlace) -> Result<Option<Stored>, Self::Error>;

    /// What was stored about a table of the source, wherever it is kept.
    ///
    /// # Errors
    /// When it cannot be read.
    fn find(&self, table: &str) -> Result<Option<Stored>, Self::Error>;

    /// Stores a table's definition.
    ///
    /// # Errors
    /// When it cannot be written.
    fn store(&self, table: &Table, definition: &str) -> Result<(), Self::Error>;

    /// Forgets every other place that the source's table was kept at; what is there is nobody's then.
    ///
    /// # Errors
    /// When it cannot be written.
    fn leave(&self, table: &Table) -> Result<(), Self::Error>;

    /// Forgets a table that was dropped.
    ///
    /// # Errors
    /// When it cannot be written.
    fn remove(&self, table: &Table) -> Result<(), Self::Error>;

    /// Decides which types columns are declared with.
    ///
    /// # Errors
    /// When the database has to be asked and does not answer.
    fn declare(&self, columns: Vec<&mut KeptColumn>) -> Result<(), Self::Error>;

    /// Why a column of that declared type does not keep every value as it is, for a sentence that
    /// begins "its column NAME"; none if it does.
    fn why_unfit(&self, column: &Column, declared: &str) -> Option<String>;

    /// How a column of the connector's own is declared.
    fn own_declaration(&self, own: Own) -> &'static str;

    /// Whether a column of that declared type, which was there already, can be the connector's own.
    fn own_fits(&self, own: Own, declared: &str) -> bool;

    /// Statements that have to come before a column is dropped.
    ///
    /// # Errors
    /// When the database has to be asked and does not answer.
    fn before_drop(&self, table: &Table, column: &str) -> Result<Vec<String>, Self::Error> {
        let _ = (table, column);
        Ok(Vec::new())
    }

    /// What a change of a column's type needs.
    ///
    /// # Errors
    /// When the database has to be asked and does not answer.
    fn retype(
        &self,
        table: &Table,
        present: &KeptColumn,
        wanted: &Column,
    ) -> Result<Retype, Self::Error>;
}

/// The source's table as it was stored.
pub(super) fn find<V: Vendor>(vendor: &V, name: &str) -> Result<Option<Table>, V::Error> {
    let stored = vendor.find(name)?;
    Ok(stored.map(|stored| read(vendor, stored)).transpose()?)
}

/// How a table is kept that the connector made or adopted at some time.
///
/// # Errors
/// `stop` when it never did, or the metadata cannot be read.
pub fn kept<V: Vendor>(vendor: &V, name: &str) -> Result<Table, V::Error> {
    let unknown = || Failure::stop("unknown-table", format!("table {name} was never planned"));
    Ok(find(vendor, name)?.ok_or_else(unknown)?)
}

pub(super) fn read<V: Vendor>(vendor: &V, stored: Stored) -> Result<Table, Failure> {
    let sql = vendor.table_sql(&stored.physical);
    Definition::read(&stored)?.table(stored, sql)
}

pub(super) fn store<V: Vendor>(vendor: &V, table: &Table) -> Result<(), V::Error> {
    vendor.store(table, &Definition::of(table).written()?)
}

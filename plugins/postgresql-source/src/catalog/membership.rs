//! Since when tables are in the publication.
//!
//! A publication that was made anew, or a table that left it and came back, looks as before and has
//! missed changes. The catalog's own numbers tell: they are new each time.

use std::collections::BTreeMap;
use std::rc::Rc;

use cartridge_warp_sdk::Failure;
use postgresql_client::names::literal;

use super::SourceTable;
use super::publication::none_left_out;
use super::server::{Server, VERSION_FILTERS};
use crate::hash::fnv32;
use crate::position::{FollowedTable, Position, UNKNOWN};
use crate::session::{Session, number, text};

/// A table of a publication for all tables has no number of its own.
const OF_ALL: u32 = 1;

/// A publication and its tables as they are now.
#[derive(Debug)]
pub struct Membership {
    /// Another one for each publication, and whenever its options are changed.
    pub publication: u32,
    /// By object id, tables that were added one by one.
    tables: BTreeMap<u32, u32>,
    /// By name, schemas that were added whole.
    schemas: BTreeMap<String, u32>,
}

impl Membership {
    /// Reads it; none where there is no publication.
    pub fn read(session: &Session, server: &Server, name: &str) -> Result<Option<Self>, Failure> {
        let rows = session.rows(&format!(
            "SELECT oid, concat_ws(' ', oid, xmin) FROM pg_publication WHERE pubname = {}",
            literal(name)
        ))?;
        let Some(row) = rows.first() else { return Ok(None) };
        let oid: u32 = number(row, 0)?;
        let publication = fnv32(text(row, 1)?.as_bytes()).max(UNKNOWN + 1);
        let tables = session
            .rows(&format!("SELECT prrelid, oid FROM pg_publication_rel WHERE prpubid = {oid}"))?;
        let table = |row| Ok((number(row, 0)?, number(row, 1)?));
        let tables = tables.iter().map(table).collect::<Result<_, Failure>>()?;
        let mut schemas = BTreeMap::new();
        if server.version >= VERSION_FILTERS {
            let rows = session.rows(&format!(
                "SELECT n.nspname, p.oid FROM pg_publication_namespace p \
                 JOIN pg_namespace n ON n.oid = p.pnnspid WHERE p.pnpubid = {oid}"
            ))?;
            for row in &rows {
                schemas.insert(text(row, 0)?.to_owned(), number(row, 1)?);
            }
        }
        Ok(Some(Self { publication, tables, schemas }))
    }

    /// A table as the position remembers it.
    pub fn followed(&self, table: &SourceTable) -> FollowedTable {
        let of_schema = || self.schemas.get(&table.schema);
        let member = self.tables.get(&table.oid).or_else(of_schema).copied().unwrap_or(OF_ALL);
        FollowedTable::new(table.oid, &table.shape.name, member)
    }
}

/// Whether the tables have been in the publication all the time since a position, as it was then.
pub fn check(
    session: &Session,
    server: &Server,
    name: &str,
    tables: &[Rc<SourceTable>],
    since: &Position,
) -> Result<Membership, Failure> {
    let Some(now) = Membership::read(session, server, name)? else {
        return Err(lost(&format!("there is no publication {name} any more")));
    };
    if ![UNKNOWN, now.publication].contains(&since.publication) {
        return Err(lost(&format!("publication {name} was made anew or its options were changed")));
    }
    let was_out = |table: &&Rc<SourceTable>| {
        let before = since.tables.iter().find(|followed| followed.oid == table.oid);
        before.is_some_and(|before| ![UNKNOWN, now.followed(table).member].contains(&before.member))
    };
    let out: Vec<_> = tables.iter().filter(was_out).cloned().collect();
    none_left_out(name, &out)?;
    Ok(now)
}

fn lost(why: &str) -> Failure {
    Failure::resync(
        "publication-changed",
        format!(
            "{why}, so changes of its tables since then may be lost to this pipeline; run again \
             with --full-resync, which makes sure of the publication and copies the tables anew"
        ),
    )
}

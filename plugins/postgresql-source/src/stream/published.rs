//! Whether the log has all changes of the tables that are followed.

use std::collections::HashMap;
use std::rc::Rc;

use cartridge_warp_sdk::Failure;

use super::relations::new_table;
use crate::PostgresqlSource;
use crate::catalog::membership::{self, Membership};
use crate::catalog::tables::{self, Which};
use crate::catalog::{SourceTable, publication};
use crate::position::Position;

/// The tables as the server has them by now. They were looked at before they were copied, which may be
/// long ago: what is judged by a shape of then would be blamed on the publication.
pub fn as_they_are(
    source: &PostgresqlSource,
    schema: &str,
    selected: &[Rc<SourceTable>],
) -> Result<Vec<Rc<SourceTable>>, Failure> {
    let (session, version) = (&source.control, source.server.version);
    let now = tables::read(session, version, &Which::Schema(schema), &source.options)?;
    let mut now: HashMap<u32, SourceTable> =
        now.into_iter().map(|table| (table.oid, table)).collect();
    let as_it_is = |before: &Rc<SourceTable>| {
        let found = now.remove(&before.oid).filter(|table| table.shape.name == before.shape.name);
        found.map(Rc::new).ok_or_else(|| new_table(&before.shape.name))
    };
    selected.iter().map(as_it_is).collect()
}

/// Makes sure that the tables are in the publication, and have been since a position.
pub fn check(
    source: &PostgresqlSource,
    schema: &str,
    publication: &str,
    selected: &[Rc<SourceTable>],
    since: &Position,
) -> Result<Membership, Failure> {
    let (session, server) = (&source.control, &source.server);
    let judged = membership::check(session, server, publication, selected, since);
    let judged = judged.and_then(|members| {
        let gaps = publication::missing(session, server, publication, selected)?;
        publication::none_left_out(publication, &gaps).map(|()| members)
    });
    // A table that was dropped or renamed this moment is in no publication under its name.
    judged.map_err(|failure| as_they_are(source, schema, selected).err().unwrap_or(failure))
}

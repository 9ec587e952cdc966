//! The moment from which the stream has every change, before any row is copied (I6).

use cartridge_warp_sdk::{Failure, log};

use crate::PostgresqlSource;
use crate::catalog::{publication, server, slot};
use crate::position::{FollowedTable, Position, TABLES_MAX};

/// Makes publication and slot where they are missing, and says where the log stands.
pub fn position(source: &mut PostgresqlSource, schema: &str) -> Result<Vec<u8>, Failure> {
    source.load(schema)?;
    let selected = source.selected();
    if selected.len() > TABLES_MAX {
        return Err(Failure::config(
            "too-many-tables",
            format!(
                "{} tables of schema {schema} are selected and a position holds {TABLES_MAX}; \
                 spread them over several pipelines with `table_whitelist`",
                selected.len()
            ),
        ));
    }
    let (session, server, options) = (&source.control, &source.server, &source.options);
    let name = options.publication(schema);
    publication::ensure(session, server, &name, &selected, options.create_publication)?;
    let name = options.slot(&server.database, schema);
    let complete = match slot::find(session, server, &name)? {
        Some(slot) if !slot.lost => server::log_end(session)?.inserted,
        lost if options.create_slot => {
            if lost.is_some() {
                slot::discard(session, &name)?;
            }
            slot::create(session, &name)?
        }
        _ => return Err(slot::missing(&name)),
    };
    server::wait_for_writers(session, "the start of the stream")?;
    log::info("the stream's start is known", &[("slot", &name)]);
    let tables =
        selected.iter().map(|table| FollowedTable::new(table.oid, &table.shape.name)).collect();
    Ok(Position { server: server.identity, complete, partial: None, tables }.encode())
}

//! The moment from which the stream has every change, before any row is copied (I6): of all tables,
//! or of those that are copied anew while the others go on.

use std::rc::Rc;

use cartridge_warp_sdk::{Failure, log};

use crate::PostgresqlSource;
use crate::catalog::membership::Membership;
use crate::catalog::server::Server;
use crate::catalog::{SourceTable, publication, server, slot};
use crate::position::{BYTES_MAX, FollowedTable, Position, RenewedTable, TABLES_MAX, show};
use crate::session::Session;

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
    let members = membership(session, server, &name)?;
    let name = options.slot(&server.database, schema);
    let complete = match slot::find(session, server, &name)? {
        // Nothing before this is wanted, and it may be unreadable: of a publication that is gone.
        Some(slot) if !slot.lost => {
            slot::wait_until_free(session, server, &name)?;
            let end = server::log_end(session)?;
            if slot.confirmed < end.flushed {
                slot::advance(session, &name, end.flushed)?;
            }
            server::log_end(session)?.inserted
        }
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
    let tables = selected.iter().map(|table| members.followed(table)).collect();
    let start = Position { server: server.identity, complete, tables, ..Position::default() };
    Ok(Position { publication: members.publication, ..start }.encode())
}

fn membership(session: &Session, server: &Server, name: &str) -> Result<Membership, Failure> {
    let found = Membership::read(session, server, name)?;
    found.ok_or_else(|| {
        let what =
            format!("publication {name} went away while it was looked at; the call is repeated");
        Failure::retry("publication-gone", what)
    })
}

/// The position with a later beginning for some tables: what the log has of them before is in their
/// new copy. Refuses before anything is emptied when the stream could not go on afterwards.
pub fn renew(
    source: &mut PostgresqlSource,
    schema: &str,
    position: &[u8],
    names: &[String],
) -> Result<Vec<u8>, Failure> {
    source.load(schema)?;
    let position = Position::decode(position)?;
    let wanted = names.iter().map(|name| source.table(schema, name));
    let wanted: Vec<Rc<SourceTable>> = wanted.collect::<Result<_, _>>()?;
    let (session, server, options) = (&source.control, &source.server, &source.options);
    let end = server::log_end(session)?.inserted;
    let tables = &source.selected();
    slot::check(session, server, &options.slot(&server.database, schema), &position, tables, end)?;
    let name = options.publication(schema);
    publication::ensure(session, server, &name, &wanted, options.create_publication)?;
    let members = membership(session, server, &name)?;
    let from = server::log_end(session)?.inserted;
    server::wait_for_writers(session, "the new copy")?;
    let is_wanted = |oid: u32| wanted.iter().any(|table| table.oid == oid);
    let followed: Vec<FollowedTable> = wanted.iter().map(|table| members.followed(table)).collect();
    // A table that was made anew has its predecessor's name.
    let is_old = |known: &FollowedTable| {
        followed.iter().any(|new| new.name_hash == known.name_hash || new.oid == known.oid)
    };
    let others = position.tables.iter().filter(|known| !is_old(known)).copied();
    let tables = others.chain(followed.iter().copied()).collect();
    let earlier = position.renewed.iter().filter(|known| !is_wanted(known.oid)).copied();
    let renewed = wanted.iter().map(|table| RenewedTable { oid: table.oid, from });
    let renewed: Rc<[RenewedTable]> = earlier.chain(renewed).collect();
    log::info("the tables' new beginning is known", &[("position", &show(from))]);
    let count = renewed.len();
    let bytes = Position { tables, renewed, ..position }.encode();
    if bytes.len() <= BYTES_MAX {
        return Ok(bytes);
    }
    Err(Failure::config(
        "too-many-tables",
        format!(
            "{count} tables would be copied anew at the same time, more than a position holds; name \
             fewer, or run with --full-resync for all"
        ),
    ))
}

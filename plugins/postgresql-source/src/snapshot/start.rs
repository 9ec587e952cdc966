//! The moment from which the stream has every change, before any row is copied (I6): of all tables,
//! or of those that are copied anew while the others go on.

use std::rc::Rc;

use cartridge_warp_sdk::{Failure, log};

use crate::PostgresqlSource;
use crate::catalog::making::Making;
use crate::catalog::membership::Membership;
use crate::catalog::server::Server;
use crate::catalog::{SourceTable, partitions, publication, server, slot, timeline, waiting};
use crate::pgoutput::Lsn;
use crate::position::{BYTES_MAX, FollowedTable, Position, RenewedTable, TABLES_MAX, show};
use crate::session::Session;

/// Makes publication and slot where they are missing, and says where the log stands.
pub fn position(source: &mut PostgresqlSource, schema: &str) -> Result<Vec<u8>, Failure> {
    let what = format!("the start of the stream of schema {schema}");
    if !source.snapshot.waits.is_begun(&what) {
        let start = begin(source, schema)?;
        source.snapshot.waits.begin(&source.control, &what, start)?;
    }
    source.snapshot.waits.end(&source.control, &what)
}

fn begin(source: &mut PostgresqlSource, schema: &str) -> Result<Vec<u8>, Failure> {
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
    // Before the copy: what comes and goes meanwhile is noticed.
    let leaves = partitions::read(session, server.version, &selected)?;
    let name = options.publication(schema);
    publication::ensure(session, server, &name, &selected, options.create_publication)?;
    let members = membership(session, server, &name)?;
    let name = options.slot(&server.database, schema);
    let complete = slot_start(source, &name)?;
    log::info("the stream's start is known", &[("slot", &name)]);
    let tables = selected.iter().map(|table| members.followed(table)).collect();
    let (server, leaves) = (source.server.identity, leaves.into());
    let start = Position { server, complete, tables, leaves, ..Position::default() };
    Ok(Position { publication: members.publication, ..start }.encode())
}

/// Where the changes of a slot begin that is there or made now.
fn slot_start(source: &mut PostgresqlSource, name: &str) -> Result<Lsn, Failure> {
    source.runs.end_abandoned(&source.control, &source.settings, name)?;
    let making = &mut source.snapshot.waits.making;
    let (session, server) = (&source.control, &source.server);
    let mut made = match making.take() {
        Some(made) => made,
        // Once nobody reads it: one in the making, whose maker was stopped, goes with it.
        None => match slot::find_free(session, server, name)? {
            // It stays where it is until the host says that the start is committed (I11): whoever stood still until now
            // may have lost the schema, and the slot with it, to another run.
            Some(slot) if !slot.lost => return Ok(server::log_end(session)?.inserted),
            lost if source.options.create_slot => {
                if lost.is_some() {
                    slot::discard(session, name)?;
                }
                Making::begin(&source.settings, server, name)?
            }
            _ => return Err(slot::missing(name)),
        },
    };
    if let Some(start) = made.wait(server::WRITERS_PATIENCE)? {
        return Ok(start);
    }
    *making = Some(made);
    Err(waiting::for_writers(session, &format!("making replication slot {name}")))
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
    let what = format!("the new copy of {}", names.join(", "));
    if !source.snapshot.waits.is_begun(&what) {
        let renewed = begin_anew(source, schema, position, names)?;
        source.snapshot.waits.begin(&source.control, &what, renewed)?;
    }
    source.snapshot.waits.end(&source.control, &what)
}

fn begin_anew(
    source: &mut PostgresqlSource,
    schema: &str,
    position: &[u8],
    names: &[String],
) -> Result<Vec<u8>, Failure> {
    source.load(schema)?;
    let slot = source.options.slot(&source.server.database, schema);
    let position = Position::decode(position)?;
    let position =
        timeline::follow(&source.settings, &source.control, &source.server, &slot, position)?;
    let wanted = names.iter().map(|name| source.table(schema, name));
    let wanted: Vec<Rc<SourceTable>> = wanted.collect::<Result<_, _>>()?;
    let (session, server, options) = (&source.control, &source.server, &source.options);
    let end = server::log_end(session)?.inserted;
    let tables = &source.selected();
    slot::check(session, server, &slot, &position, tables, end)?;
    let name = options.publication(schema);
    publication::ensure(session, server, &name, &wanted, options.create_publication)?;
    let members = membership(session, server, &name)?;
    let mut leaves = (*position.leaves).clone();
    leaves.0.extend(partitions::read(session, server.version, &wanted)?.0);
    let from = server::log_end(session)?.inserted;
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
    let bytes = Position { tables, renewed, leaves: leaves.into(), ..position }.encode();
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

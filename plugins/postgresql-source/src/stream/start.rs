//! Opens the stream at a position, after proving that nothing was lost since.

use std::rc::Rc;

use cartridge_warp_sdk::{Failure, log};

use super::collect::Collector;
use super::progress::Progress;
use super::published;
use super::rest::Told;
use super::started::Started;
use super::watch::Watch;
use super::way::Way;
use crate::PostgresqlSource;
use crate::catalog::membership::Membership;
use crate::catalog::slot::Slot;
use crate::catalog::{SourceTable, server, slot, timeline};
use crate::pgoutput::Lsn;
use crate::position::{FollowedTable, Position, UNKNOWN};

/// Opens the stream.
pub(super) fn start(
    source: &mut PostgresqlSource,
    schema: &str,
    given: &Position,
) -> Result<Started, Failure> {
    let Proven { after, slot, selected, members, log_end } = prove(source, schema, given)?;
    let slot_name = source.options.slot(&source.server.database, schema);
    source.runs.end_abandoned(&source.control, &source.settings, &slot_name)?;
    slot::wait_until_free(&source.control, &source.server, &slot_name)?;
    let followed: Vec<FollowedTable> =
        selected.iter().map(|table| members.followed(table)).collect();
    let publication = members.publication;
    let mut position = Position { publication, tables: followed.into(), ..after };
    position.forget_copies();
    let mut watch = Watch::new(source);
    let changes = watch.look_at_leaves(source, &mut position)?;
    warn_of_many_leaves(&position);
    let mut collector = Collector::new(position, log_end);
    collector.announce(changes);
    Ok(Started {
        way: Way::new(source.options.read_by),
        reader: None,
        collector,
        held: None,
        told: Told::new(given.clone()),
        progress: Progress::new(slot.confirmed),
        watch,
        slot: slot_name,
        publication: source.options.publication(schema),
    })
}

/// What is known of a position behind which the log has every change.
pub(super) struct Proven {
    after: Position,
    slot: Slot,
    /// The tables as they are now.
    selected: Vec<Rc<SourceTable>>,
    members: Membership,
    log_end: Lsn,
}

/// Proves that nothing was lost since a position, without reading or holding anything.
pub(super) fn prove(
    source: &mut PostgresqlSource,
    schema: &str,
    given: &Position,
) -> Result<Proven, Failure> {
    source.load(schema)?;
    let selected = source.selected();
    let slot_name = source.options.slot(&source.server.database, schema);
    let publication = source.options.publication(schema);
    let (session, server) = (&source.control, &source.server);
    let after = timeline::follow(&source.settings, session, server, &slot_name, given.clone())?;
    let log_end = server::log_end(session)?.inserted;
    let slot = slot::check(session, server, &slot_name, &after, &selected, log_end)?;
    check_tables(source, &after)?;
    let selected = published::as_they_are(source, schema, &selected)?;
    let members = published::check(source, schema, &publication, &selected, &after)?;
    Ok(Proven { after, slot, selected, members, log_end })
}

fn warn_of_many_leaves(position: &Position) {
    if position.forgets_leaves() {
        log::warn(
            "there are too many partitions to be remembered with the position: those that come with rows, \
             go or are emptied while nobody reads will not be noticed",
            &[],
        );
    }
}

/// A table that took the name of another has rows of which the log says nothing.
fn check_tables(source: &PostgresqlSource, after: &Position) -> Result<(), Failure> {
    for table in source.selected() {
        let now = FollowedTable::new(table.oid, &table.shape.name, UNKNOWN);
        let mut named = after.tables.iter().filter(|before| before.name_hash == now.name_hash);
        if named.clone().all(|before| before.oid != now.oid) && named.next().is_some() {
            return Err(made_anew(&table));
        }
    }
    Ok(())
}

/// The failure for a table that is another one than before, where the host cannot tell.
fn made_anew(table: &SourceTable) -> Failure {
    Failure::resync(
        "table-made-anew",
        format!(
            "table {name} is another one than before: it was dropped and made again, or took over \
             the name, and the log does not say which rows came and went with it; run again with \
             {flag} to copy it anew",
            name = table.qualified(),
            flag = table.resync_flag()
        ),
    )
    .about([&table.shape.name])
}

//! Positions of a server that was promoted meanwhile.
//!
//! A standby that keeps a copy of the slot goes on with the log where it was promoted. What was read
//! before that is in its log, too; what was read behind it is not, and then nothing can go on.

use cartridge_warp_sdk::{Failure, log};
use postgresql_client::Settings;
use postgresql_client::names::literal;
use postgresql_client::replication::Replication;

use super::server::{Server, VERSION_FAILOVER};
use crate::pgoutput::Lsn;
use crate::position::{Position, parse, show};
use crate::session::Session;

/// The position on the server's own timeline, where its log and its slot go on from there; else as it was.
pub fn follow(
    settings: &Settings,
    session: &Session,
    server: &Server,
    slot: &str,
    position: Position,
) -> Result<Position, Failure> {
    let before = position.server;
    let is_promoted = before.system == server.identity.system
        && before.timeline < server.identity.timeline
        && server.version >= VERSION_FAILOVER;
    if !is_promoted || !is_kept(session, slot)? {
        return Ok(position);
    }
    let mut connection = Replication::open(settings, &[])?;
    let history = connection.rows(&format!("TIMELINE_HISTORY {}", server.identity.timeline))?;
    let history = history.first().and_then(|row| row.get(1)?.clone()).unwrap_or_default();
    let Some(end) = end_of(&history, before.timeline) else { return Ok(position) };
    let was_delivered = position.partial.map_or(0, |partial| partial.commit + 1);
    if position.complete.max(was_delivered) > end {
        return Ok(position);
    }
    log::info(
        "the server was promoted, and its log goes on from the position",
        &[("position", &show(position.complete)), ("promoted_at", &show(end))],
    );
    Ok(Position { server: server.identity, ..position })
}

fn is_kept(session: &Session, slot: &str) -> Result<bool, Failure> {
    let kept = session.rows(&format!(
        "SELECT FROM pg_replication_slots WHERE slot_name = {} AND failover AND NOT temporary \
         AND invalidation_reason IS NULL",
        literal(slot)
    ))?;
    Ok(!kept.is_empty())
}

/// Where a timeline ended, by the history of a later one: lines of its number, the place, and why.
fn end_of(history: &str, timeline: u32) -> Option<Lsn> {
    history.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.next()?.parse() == Ok(timeline);
        words.next().filter(|_| is_it).and_then(parse)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_says_where_a_timeline_ended() {
        let history =
            "1\t0/3000158\tno recovery target specified\n\n# a remark\n2\t1/A0\tbefore 2000\n";
        for (timeline, end) in [(1, Some(0x300_0158)), (2, Some(0x1_0000_00a0)), (3, None)] {
            assert_eq!(end_of(history, timeline), end);
        }
    }
}

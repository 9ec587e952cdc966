//! The replication slot: the server's promise to keep the log from where we are.

use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Failure, log, metrics};
use postgresql_client::names::{literal, quoted};

use super::SourceTable;
use super::server::{Server, VERSION_TWO_PHASE, VERSION_WAL_STATUS};
use crate::pgoutput::Lsn;
use crate::position::{self, Position, show};
use crate::session::{Session, flag, number, text, unexpected};

/// What decodes the log.
pub const PLUGIN: &str = "pgoutput";
/// How long a reader that is about to go may hold the slot: our own of a moment ago, or that of a
/// killed predecessor.
const READER_PATIENCE: Duration = Duration::from_secs(5);
const READER_PAUSE: Duration = Duration::from_millis(10);
/// The codes for slots that somebody else made for something else.
const FOREIGN: &str = "foreign-slot";
const TWO_PHASE: &str = "two-phase-slot";
/// Tables that a message names.
const NAMED_MAX: usize = 20;

/// A slot as `pg_replication_slots` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Changes before this are gone.
    pub confirmed: Lsn,
    /// Whether the server gave up keeping the log, and the slot is of no more use.
    pub lost: bool,
    /// The server process that reads it at this moment.
    pub reader: Option<u32>,
}

/// Reads the slot; none when there is none of that name.
pub fn find(session: &Session, server: &Server, name: &str) -> Result<Option<Slot>, Failure> {
    let status = if server.version >= VERSION_WAL_STATUS { "wal_status" } else { "NULL" };
    let two_phase = if server.version >= VERSION_TWO_PHASE { "two_phase" } else { "false" };
    let rows = session.rows(&format!(
        "SELECT coalesce(plugin, 'none'), coalesce(database, 'none'), \
             coalesce({status} = 'lost', restart_lsn IS NULL) OR restart_lsn IS NULL, \
             coalesce(confirmed_flush_lsn, '0/0'), coalesce(active_pid, 0), {two_phase} \
         FROM pg_replication_slots WHERE slot_name = {}",
        literal(name)
    ))?;
    let Some(row) = rows.first() else { return Ok(None) };
    for (column, wanted, what) in [(0, PLUGIN, "plugin"), (1, &server.database, "database")] {
        if text(row, column)? != wanted {
            return Err(Failure::config(
                FOREIGN,
                format!(
                    "replication slot {name} has {what} {}, not {wanted}; name another in \
                     `options.slot`, or run SELECT pg_drop_replication_slot({}) if nobody needs it",
                    text(row, column)?,
                    literal(name)
                ),
            ));
        }
    }
    if flag(row, 5)? {
        return Err(two_phase_slot(name));
    }
    let confirmed = position::parse(text(row, 3)?);
    let confirmed = confirmed.ok_or_else(|| unexpected("a slot's position is none"))?;
    let reader = Some(number(row, 4)?).filter(|pid| *pid != 0);
    Ok(Some(Slot { confirmed, lost: flag(row, 2)?, reader }))
}

/// Such a slot sends transactions when they are prepared, which may be rolled back a week later.
fn two_phase_slot(name: &str) -> Failure {
    Failure::config(
        TWO_PHASE,
        format!(
            "replication slot {name} was made with two_phase, so it sends transactions before they are \
             committed, which this connector does not read; run SELECT pg_drop_replication_slot({}) \
             and then run again with --full-resync, or name another slot in `options.slot`",
            literal(name)
        ),
    )
}

/// Whether a failure says that the slot was made by somebody else.
pub fn is_foreign(failure: &Failure) -> bool {
    [FOREIGN, TWO_PHASE].contains(&failure.code.as_str())
}

/// Removes a slot whose log is gone.
pub fn discard(session: &Session, name: &str) -> Result<(), Failure> {
    log::warn("the slot's log is gone; making the slot anew", &[("slot", name)]);
    session.run(&format!("SELECT pg_drop_replication_slot({})", literal(name)))
}

pub fn no_slot_left(name: &str) -> Failure {
    Failure::config(
        "no-slot-left",
        format!(
            "replication slot {name} cannot be made; raise max_replication_slots, or drop one that \
             nobody needs: SELECT slot_name, active FROM pg_replication_slots"
        ),
    )
}

/// Whether one more slot can be made.
pub fn is_room(session: &Session, name: &str) -> Result<(), Failure> {
    let sql = "SELECT count(*) < current_setting('max_replication_slots')::int \
               FROM pg_replication_slots";
    if session.value(sql)? == "t" { Ok(()) } else { Err(no_slot_left(name)) }
}

/// The sentence for a slot that may not be made.
pub fn missing(name: &str) -> Failure {
    Failure::config(
        "no-slot",
        format!(
            "there is no replication slot {name}; run SELECT \
             pg_create_logical_replication_slot({}, '{PLUGIN}'), or set `options.create_slot: true`",
            literal(name)
        ),
    )
}

/// Whether the stream can go on from a position: the same history, and a slot that still has it.
pub fn check(
    session: &Session,
    server: &Server,
    name: &str,
    after: &Position,
    tables: &[Rc<SourceTable>],
    log_end: Lsn,
) -> Result<Slot, Failure> {
    let lost = |why: String, until: Lsn| {
        Failure::resync(
            "log-lost",
            format!(
                "{why}; the changes of {} from {} to {} are lost to this pipeline. Run again with \
                 --full-resync to copy the tables anew; since one slot serves all of them, naming \
                 single tables is not enough",
                tables_in_words(tables),
                show(after.complete),
                show(until)
            ),
        )
    };
    if after.server.system != server.identity.system {
        let why = format!(
            "the server is another one than before (system identifier {}, was {})",
            server.identity.system, after.server.system
        );
        return Err(lost(why, log_end));
    }
    if after.server.timeline != server.identity.timeline {
        let why = format!(
            "the server was promoted or restored (timeline {}, was {}), and nothing says that its \
             log goes on where this pipeline stopped",
            server.identity.timeline, after.server.timeline
        );
        return Err(lost(why, log_end));
    }
    if after.complete > log_end {
        let why = format!(
            "the server's log ends at {}, before the stored position: it was restored",
            show(log_end)
        );
        return Err(lost(why, log_end));
    }
    match find(session, server, name)? {
        None => {
            let why = format!(
                "replication slot {name} is gone (if the pipeline was given its `name` since, set \
                 options.slot to the slot that it had)"
            );
            Err(lost(why, log_end))
        }
        Some(slot) if slot.lost => {
            let why = format!(
                "the server gave up replication slot {name} (max_slot_wal_keep_size or an \
                 idle limit)"
            );
            Err(lost(why, log_end))
        }
        Some(slot) if slot.confirmed > after.complete => {
            let why = format!(
                "replication slot {name} was made anew or read by somebody else: it begins at {}",
                show(slot.confirmed)
            );
            Err(lost(why, slot.confirmed))
        }
        Some(slot) => Ok(slot),
    }
}

/// The tables by name, as many as a sentence bears.
fn tables_in_words(tables: &[Rc<SourceTable>]) -> String {
    let names = tables.iter().take(NAMED_MAX).map(|table| table.qualified());
    let named = names.collect::<Vec<_>>().join(", ");
    match tables.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more tables"),
    }
}

/// Lets the server forget everything before `complete` (I1: called only with confirmed positions).
pub fn advance(session: &Session, name: &str, complete: Lsn) -> Result<(), Failure> {
    session.run(&format!(
        "SELECT pg_replication_slot_advance({}, '{}')",
        literal(name),
        show(complete)
    ))
}

/// The same of a slot that nobody reads; one that is read is left to its reader.
pub fn advance_unread(
    session: &Session,
    server: &Server,
    name: &str,
    complete: Lsn,
) -> Result<(), Failure> {
    let slot = find(session, server, name)?;
    let is_behind = |slot: Slot| !slot.lost && slot.reader.is_none() && slot.confirmed < complete;
    if !slot.is_some_and(is_behind) {
        return Ok(());
    }
    match advance(session, name, complete) {
        Err(failure) if is_busy(&failure) => Ok(()),
        advanced => advanced,
    }
}

/// Measures how much log the slot keeps, in bytes.
pub fn measure(session: &Session, name: &str) -> Result<(), Failure> {
    let rows = session.rows(&format!(
        "SELECT pg_current_wal_insert_lsn() - confirmed_flush_lsn, \
             pg_current_wal_insert_lsn() - restart_lsn \
         FROM pg_replication_slots WHERE slot_name = {}",
        literal(name)
    ))?;
    let gauges = ["slot_lag_bytes", "slot_retained_bytes"];
    for (column, gauge) in gauges.iter().enumerate() {
        let value = rows.first().and_then(|row| row.try_get(column).ok().flatten());
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            metrics::gauge_set(gauge, value);
        }
    }
    Ok(())
}

/// Waits until nobody reads the slot.
pub fn wait_until_free(session: &Session, server: &Server, name: &str) -> Result<(), Failure> {
    find_free(session, server, name).map(drop)
}

/// The slot once nobody reads it; none when there is none, or none any more.
pub fn find_free(session: &Session, server: &Server, name: &str) -> Result<Option<Slot>, Failure> {
    let deadline = Instant::now() + READER_PATIENCE;
    loop {
        let slot = find(session, server, name)?;
        let Some(pid) = slot.as_ref().and_then(|slot| slot.reader) else { return Ok(slot) };
        if Instant::now() > deadline {
            let reader = Failure::retry("active", format!("the reader is server process {pid}"));
            return Err(busy(name, reader));
        }
        sleep(READER_PAUSE);
    }
}

/// Whether a failure says that somebody else reads the slot at this moment.
pub fn is_busy(failure: &Failure) -> bool {
    failure.detail.as_deref().is_some_and(|detail| detail.contains("is active for PID"))
}

/// The failure for a slot that somebody else reads.
pub fn busy(name: &str, failure: Failure) -> Failure {
    let busy = Failure::retry(
        "slot-busy",
        format!(
            "replication slot {} is read by somebody else at this moment: another runner, or a \
             connection of a killed one that the server has not noticed yet; the call is repeated",
            quoted(name)
        ),
    );
    busy.detail(failure.detail.unwrap_or(failure.message))
}

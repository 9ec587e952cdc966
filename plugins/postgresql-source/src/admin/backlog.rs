//! How much log the slot keeps.

use cartridge_warp_sdk::{Failure, RetainedLog};
use postgresql_client::names::literal;

use crate::PostgresqlSource;
use crate::catalog::server::VERSION_WAL_STATUS;
use crate::position::{Position, show};
use crate::session::{Session, flag, text};

/// Asks for the slot; none where it is not there.
pub fn backlog(
    source: &PostgresqlSource,
    schema: &str,
    position: Option<&[u8]>,
) -> Result<Option<RetainedLog>, Failure> {
    let (session, server) = (&source.control, &source.server);
    let slot = source.options.slot(&server.database, schema);
    // What a server before 13 keeps has no bound.
    let (status, left) = match server.version >= VERSION_WAL_STATUS {
        true => ("wal_status", "safe_wal_size"),
        false => ("NULL", "NULL"),
    };
    let rows = session.rows(&format!(
        "SELECT pg_current_wal_insert_lsn() - restart_lsn, {left}, restart_lsn, \
             coalesce({status} = 'lost', false) \
         FROM pg_replication_slots WHERE slot_name = {}",
        literal(&slot)
    ))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let number = |column| -> Option<u64> {
        let number: i64 = row.try_get(column).ok()??.parse().ok()?;
        // What is left falls below zero before the server lets go.
        Some(number.max(0).unsigned_abs())
    };
    let from = row.try_get(2).ok().flatten().filter(|_| !flag(row, 3).unwrap_or(false));
    let Some(from) = from else {
        let words = format!("the server gave up replication slot {slot}, and keeps no log for it");
        return Ok(Some(RetainedLog { words, ..RetainedLog::default() }));
    };
    let bytes = number(0);
    let committed = match position.map(Position::decode).transpose()? {
        Some(position) => format!("; {} is committed", show(position.complete)),
        None => String::new(),
    };
    let words = format!(
        "replication slot {slot} keeps {} bytes of log, from {from} on{committed}",
        bytes.unwrap_or_default()
    );
    let oldest_commit_us = written_us(session, from)?;
    Ok(Some(RetainedLog { bytes, oldest_commit_us, left_bytes: number(1), left_us: None, words }))
}

/// When the log file with this place was last written, which is as near as the server tells it without reading
/// the file; none where the role may not look.
fn written_us(session: &Session, place: &str) -> Result<Option<i64>, Failure> {
    if session.value("SELECT has_function_privilege('pg_ls_waldir()', 'EXECUTE')")? != "t" {
        return Ok(None);
    }
    let rows = session.rows(&format!(
        "SELECT (extract(epoch FROM modification) * 1000000)::bigint FROM pg_ls_waldir() \
         WHERE name = pg_walfile_name({})",
        literal(place)
    ))?;
    Ok(rows.first().and_then(|row| text(row, 0).ok()?.parse().ok()))
}

//! Moments of the log, and whether a position is past one.

use cartridge_warp_sdk::Failure;

use crate::PostgresqlSource;
use crate::catalog::server::log_end;
use crate::pgoutput::Lsn;
use crate::position::{KEPT_BYTES, Position};

/// Where the log ends. What a look-up saw is committed before that. Without more log behind it the stream might stand
/// where it is for long (`stream/rest`), so a message is written that no stream of ours brings.
pub fn moment(source: &PostgresqlSource) -> Result<Vec<u8>, Failure> {
    let session = &source.control;
    let moment: Lsn = log_end(session)?.inserted;
    session.run(&format!(
        "SELECT pg_logical_emit_message(false, 'cartridge_warp', repeat(' ', {KEPT_BYTES})) \
         WHERE NOT pg_is_in_recovery() \
             AND has_function_privilege('pg_logical_emit_message(boolean, text, text)', 'EXECUTE')"
    ))?;
    let identity = source.server.identity;
    Ok([&identity.system.to_be_bytes()[..], &moment.to_be_bytes()].concat())
}

/// Whether all transactions that were committed at a moment were delivered.
pub fn reached(source: &PostgresqlSource, position: &[u8], moment: &[u8]) -> Result<bool, Failure> {
    let other = || Failure::stop("moment", "a moment is none of this server's history");
    let (system, moment) = moment.split_first_chunk().ok_or_else(other)?;
    let moment = Lsn::from_be_bytes(moment.try_into().map_err(|_| other())?);
    if u64::from_be_bytes(*system) != source.server.identity.system {
        return Err(other());
    }
    Ok(Position::decode(position)?.complete >= moment)
}

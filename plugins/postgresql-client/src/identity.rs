//! Which tables a connection leads to, whatever the way there.

use cartridge_warp_sdk::Failure;

use crate::Connection;

/// The number in the control file is the cluster's for life; the timeline tells a promoted copy of it
/// apart. Everybody may call these functions, unless an administrator revoked that.
const QUERY: &str = "SELECT system_identifier::text, \
    CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END, \
    current_database()::text FROM pg_control_system()";

/// The schema's tables as `postgresql SYSTEM/TIMELINE/DATABASE/SCHEMA`; the same text for the same
/// tables, so that a copy onto themselves is noticed. None where the server does not let this role ask.
///
/// # Errors
/// When the connection is lost.
pub fn identify(connection: &Connection, schema: &str) -> Result<Option<String>, Failure> {
    let asked = connection.block_on(connection.client()?.query_one(QUERY, &[]));
    match asked {
        Ok(row) => {
            let [system, timeline, database] = [0, 1, 2].map(|n| row.get::<_, String>(n));
            Ok(Some(format!("postgresql {system}/{timeline}/{database}/{schema}")))
        }
        Err(error) if error.as_db_error().is_some() => Ok(None),
        Err(error) => Err(connection.failure(&error)),
    }
}

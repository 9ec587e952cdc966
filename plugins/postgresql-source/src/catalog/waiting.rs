//! Who is waited for, in words for whoever wonders why nothing happens.

use cartridge_warp_sdk::Failure;

use crate::session::{Session, number};

/// A call that has to wait for transactions that are writing. Names the one that began first.
pub fn for_writers(session: &Session, why: &str) -> Failure {
    let own = "l.pid IS DISTINCT FROM pg_backend_pid()";
    let writes = format!("l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND {own}");
    told(session, &format!("{why} waits for transactions that are writing"), &writes)
}

/// A call that has to wait for locks on tables.
fn for_locks(session: &Session, why: &str, tables: &[u32]) -> Failure {
    let oids = tables.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let holds = format!(
        "l.relation = ANY ('{{{oids}}}') AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', \
         'RowExclusiveLock')"
    );
    told(session, &format!("{why} waits for a lock"), &holds)
}

/// A failure for a lock that somebody else holds becomes a wait for it; others stay what they are.
pub fn or_failed(session: &Session, why: &str, tables: &[u32], failure: Failure) -> Failure {
    if failure.code == "locked" { for_locks(session, why, tables) } else { failure }
}

fn told(session: &Session, what: &str, condition: &str) -> Failure {
    match holder(session, condition) {
        Ok(Some(holder)) => Failure::waiting(format!("{what}: {holder}")),
        Ok(None) => Failure::waiting(format!("{what}, which have just ended")),
        Err(failure) => failure,
    }
}

/// Everybody sees who holds locks; what else is known of them, only who has the right to.
fn holder(session: &Session, condition: &str) -> Result<Option<String>, Failure> {
    let rows = session.rows(&format!(
        "SELECT CASE WHEN p.gid IS NULL \
             THEN format('process %s (application %s, user %s, database %s, %s)', l.pid, \
                 coalesce(nullif(a.application_name, ''), 'unknown'), coalesce(a.usename, 'unknown'), \
                 coalesce(a.datname, 'unknown'), coalesce(a.state, 'state unknown')) \
             ELSE format('prepared transaction %L of database %s', p.gid, p.database) END, \
             coalesce(extract(epoch FROM clock_timestamp() \
                 - coalesce(p.prepared, a.xact_start))::bigint, -1), coalesce(l.pid, 0) \
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' \
             AND x.virtualtransaction = l.virtualtransaction \
         LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid \
         WHERE l.granted AND {condition} ORDER BY coalesce(p.prepared, a.xact_start) LIMIT 1"
    ))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let (seconds, pid): (i64, u32) = (number(row, 1)?, number(row, 2)?);
    let since = if seconds < 0 { String::new() } else { format!(", open for {seconds} s") };
    let help = match pid {
        0 => "ROLLBACK PREPARED ends it".to_owned(),
        pid => format!("SELECT pg_terminate_backend({pid}) ends it"),
    };
    let who = crate::session::text(row, 0)?;
    Ok(Some(format!("{who}{since}; {help}")))
}

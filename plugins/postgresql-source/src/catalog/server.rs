//! Who the server is, whether it can decode its log, and where the log ends.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Action, Failure};

use super::waiting;
use crate::pgoutput::Lsn;
use crate::position::{self, ServerIdentity};
use crate::session::{CHANGED_MEANWHILE, Session, flag, number, text, unexpected};

/// `server_version_num` of the first version that works.
const VERSION_MIN: u32 = 120_000;
/// Changes of partitions can carry the root's name.
pub const VERSION_VIA_ROOT: u32 = 130_000;
/// Ranges have types of several ranges.
pub const VERSION_MULTIRANGES: u32 = 140_000;
/// Publications can have row filters and column lists.
pub const VERSION_FILTERS: u32 = 150_000;
/// Rows before a change may not have generated columns that are not published.
pub const VERSION_GENERATED: u32 = 180_000;
/// Slots say whether their log is still there.
pub const VERSION_WAL_STATUS: u32 = 130_000;
/// Slots say whether they send prepared transactions.
pub const VERSION_TWO_PHASE: u32 = 140_000;
/// Slots can be kept on standbys.
pub const VERSION_FAILOVER: u32 = 170_000;
/// Sessions notice while they wait that their client is gone.
pub const VERSION_CONNECTION_CHECK: u32 = 140_000;
/// Ranges of places in a table are read without reading the rest.
pub const VERSION_RANGE_SCAN: u32 = 140_000;

/// How long one call waits for transactions that were there first.
pub const WRITERS_PATIENCE: Duration = Duration::from_secs(5);
const WRITERS_PAUSE: Duration = Duration::from_millis(5);

/// What is known of a server after connecting.
#[derive(Debug, Clone)]
pub struct Server {
    /// `server_version_num`.
    pub version: u32,
    /// The history its positions belong to.
    pub identity: ServerIdentity,
    /// The connected database.
    pub database: String,
    /// The connected role.
    pub user: String,
    /// Whether texts may be any bytes.
    pub is_raw: bool,
}

/// Reads who the server is and refuses one that cannot work, with the SQL that helps.
pub fn check(session: &Session) -> Result<Server, Failure> {
    let row = session.row(
        "SELECT current_setting('server_version_num'), current_setting('wal_level'), \
             pg_is_in_recovery(), current_database(), current_user, \
             (SELECT rolreplication OR rolsuper OR EXISTS (SELECT FROM pg_roles m \
                 WHERE m.rolname = ANY ('{rds_replication,rds_superuser,cloudsqlsuperuser,\
                     azure_pg_admin,alloydbsuperuser}') AND pg_has_role(r.oid, m.oid, 'MEMBER')) \
                 FROM pg_roles r WHERE rolname = current_user), \
             current_setting('server_encoding') = 'SQL_ASCII'",
    )?;
    let version: u32 = number(&row, 0)?;
    if version < VERSION_MIN {
        return Err(Failure::config(
            "server-too-old",
            format!(
                "the server is PostgreSQL {}; this connector needs 12 or newer",
                version / 10_000
            ),
        ));
    }
    if flag(&row, 2)? {
        return Err(Failure::config(
            "standby",
            "the server is a standby, whose log cannot be read; name the primary in \
             connection_string, or add target_session_attrs=read-write",
        ));
    }
    if text(&row, 1)? != "logical" {
        return Err(Failure::config(
            "wal-level",
            format!(
                "the server's wal_level is {}, so it does not log what changes; run ALTER SYSTEM \
                 SET wal_level = 'logical' and restart the server",
                text(&row, 1)?
            ),
        ));
    }
    let user = text(&row, 4)?.to_owned();
    if !flag(&row, 5)? {
        may_read_log(session, &user)?;
    }
    let (identity, is_raw) = (identity(session)?, flag(&row, 6)?);
    Ok(Server { version, identity, database: text(&row, 3)?.to_owned(), user, is_raw })
}

/// Managed servers give the right to members of roles of their own. Beside those that are known it is
/// tried: a slot of no name is asked for, which is refused for the name only where the right is there.
fn may_read_log(session: &Session, user: &str) -> Result<(), Failure> {
    let tried = session.run("SELECT FROM pg_logical_slot_peek_binary_changes('', NULL, 1)");
    match tried {
        Err(failure) if failure.code == "permission" => Err(Failure::config(
            "no-replication-right",
            format!(
                "role {user} may not read the log; as a superuser run ALTER ROLE {role} REPLICATION \
                 (on Amazon RDS and Aurora GRANT rds_replication TO {role})",
                role = postgresql_client::names::quoted(user)
            ),
        )
        .detail(failure.detail.unwrap_or_default())),
        // That is the slot of no name.
        Err(failure) if failure.code == CHANGED_MEANWHILE => Ok(()),
        Err(failure) if failure.action == Action::Reconnect => Err(failure),
        _ => Ok(()),
    }
}

fn identity(session: &Session) -> Result<ServerIdentity, Failure> {
    // The control file's timeline is that of the last checkpoint, which may be before a promotion.
    let row = session.row(
        "SELECT system_identifier::text, left(pg_walfile_name(pg_current_wal_lsn()), 8) \
         FROM pg_control_system()",
    )?;
    let system: i64 = number(&row, 0)?;
    let timeline = u32::from_str_radix(text(&row, 1)?, 16);
    Ok(ServerIdentity {
        system: system.cast_unsigned(),
        timeline: timeline.map_err(|_| unexpected("the log's file has no timeline"))?,
    })
}

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Behind the last record; always between two records.
    pub inserted: Lsn,
    /// What is safe on the server's disk and can be decoded; may lie within a record.
    pub flushed: Lsn,
}

/// Reads where the log ends.
pub fn log_end(session: &Session) -> Result<LogEnd, Failure> {
    let row = session.row("SELECT pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()")?;
    let lsn = |column| {
        position::parse(text(&row, column)?).ok_or_else(|| unexpected("a log position is none"))
    };
    Ok(LogEnd { inserted: lsn(0)?, flushed: lsn(1)? })
}

/// Waits until others see what transactions of these numbers did, whose commits the log has.
///
/// A commit is in the log first and visible a moment later, and longer where commits wait for a
/// standby.
pub fn wait_until_visible(session: &Session, transactions: &[u32]) -> Result<(), Failure> {
    if transactions.is_empty() {
        return Ok(());
    }
    // The log's numbers lack their upper half: the nearest to the newest is meant, which may itself
    // be newer than a snapshot knows.
    let numbers = transactions.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let waiting = format!(
        "SELECT count(*) FROM unnest('{{{numbers}}}'::bigint[]) AS low, \
             (SELECT txid_current_snapshot() AS now, \
                  txid_snapshot_xmax(txid_current_snapshot()) AS next) AS s, \
             LATERAL (SELECT next + ((low - next + 2147483648) & 4294967295) - 2147483648 AS id) \
                 AS whole \
         WHERE NOT txid_visible_in_snapshot(id, now)"
    );
    wait_for_none(session, &waiting, "reading a row that has changed")
}

/// The transactions that are writing now, as text for [`wait_for_writers`].
///
/// A transaction whose commit stands in the log may be invisible to others for a moment, and longer
/// where commits wait for a standby. A snapshot read then would lack it, and the stream, which
/// starts behind it, too.
pub fn writers(session: &Session) -> Result<String, Failure> {
    // A snapshot lists running transactions only up to the last that has ended: this one is it.
    session.run("SELECT txid_current()")?;
    session.value("SELECT txid_current_snapshot()::text")
}

/// Waits until all of these have ended.
pub fn wait_for_writers(session: &Session, writers: &str, why: &str) -> Result<(), Failure> {
    let running = format!(
        "SELECT count(*) FROM txid_snapshot_xip('{writers}'::txid_snapshot) AS x(id) \
         WHERE NOT txid_visible_in_snapshot(x.id, txid_current_snapshot())"
    );
    wait_for_none(session, &running, why)
}

/// Waits until a query that counts transactions counts none.
fn wait_for_none(session: &Session, counting: &str, why: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + WRITERS_PATIENCE;
    loop {
        if session.value(counting)? == "0" {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(waiting::for_writers(session, why));
        }
        sleep(WRITERS_PAUSE);
    }
}

//! Who may write a schema (I3).
//!
//! Every writing transaction holds a lock until its commit that a claim has to wait for, so no two owners can
//! write. Connections of one owner share theirs, so that they commit at the same time; a change of tables is
//! alone.
//!
//! There are two locks. The row of the epoch is what decides. But whoever shares a row's lock is let in before
//! somebody who waits for all of it, so a claim could wait for as long as commits overlap. So whoever wants the
//! row queues for an advisory lock first, where nobody is let in past a claim.

use cartridge_warp_sdk::sql::{damaged, fingerprint, is_present, unclaimed};
use cartridge_warp_sdk::{Failure, fenced};
use postgresql_client::Settings;

use crate::metadata::{self, has_table};
use crate::names::Names;
use crate::refusal::Refusal;
use crate::session::{Opening, Session};
use crate::stopped;

/// The schema and owner of a probe, which is never committed.
const PROBE: &str = "_cartridge_warp_probe";

/// How a transaction of a schema's owner goes together with others of the same epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Beside them: it writes rows or markers.
    Shared,
    /// Before or after them: it changes tables.
    Alone,
}

impl Fence {
    fn queue(self, names: &Names, schema: &str) -> String {
        let way = if self == Self::Shared { "_shared" } else { "" };
        let queue = queue(names, schema);
        format!("SELECT pg_catalog.pg_advisory_xact_lock{way}({queue})")
    }

    fn row_lock(self) -> &'static str {
        match self {
            // A weaker one would let a claim pass.
            Self::Shared => "SHARE",
            Self::Alone => "NO KEY UPDATE",
        }
    }
}

/// The advisory lock of a schema's writers.
fn queue(names: &Names, schema: &str) -> i64 {
    fingerprint([names.epochs.as_str(), schema])
}

/// Raises the schema's epoch and returns it. Writers that were stopped in the middle of a commit are ended.
pub(crate) fn claim(
    session: &Session,
    settings: &Settings,
    names: &Names,
    (schema, owner): (&str, &str),
) -> Result<u64, Refusal> {
    let statement = Fence::Alone.queue(names, schema);
    stopped::lock(session, settings, &statement, queue(names, schema))?;
    let sql = format!(
        "INSERT INTO {} AS e (schema_name, epoch, owner) VALUES ($1, 1, $2)
         ON CONFLICT (schema_name) DO UPDATE
         SET epoch = e.epoch + 1, owner = excluded.owner, claimed_at = now()
         RETURNING epoch",
        names.epochs
    );
    let rows = session.query(&sql, &[&schema, &owner])?;
    let epoch = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok());
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    Ok(epoch.ok_or_else(|| damaged("an epoch is negative"))?)
}

/// Runs `work` in a transaction only for the schema's present owner.
pub(crate) fn transaction<T>(
    session: &Session,
    names: &Names,
    (schema, epoch): (&str, u64),
    fence: Fence,
    work: impl FnOnce() -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let sql = format!(
        "SELECT 1 FROM {} WHERE schema_name = $1 AND epoch = $2 FOR {}",
        names.epochs,
        fence.row_lock()
    );
    let number = i64::try_from(epoch).unwrap_or(-1);
    if !session.knows(&sql) && !has_table(session, &names.epochs)? {
        return Err(unclaimed(schema).into());
    }
    let queue = fence.queue(names, schema);
    let opening = Opening { first: &queue, check: &sql, values: &[&schema, &number] };
    session.transaction(Some(opening), |mine| {
        if mine { work() } else { Err(not_mine(session, names, schema, epoch)?.into()) }
    })
}

fn not_mine(
    session: &Session,
    names: &Names,
    schema: &str,
    epoch: u64,
) -> Result<Failure, Refusal> {
    let sql = format!("SELECT epoch FROM {} WHERE schema_name = $1", names.epochs);
    let rows = session.query(&sql, &[&schema])?;
    let stored = rows.first().and_then(|row| row.try_get(0).ok());
    Ok(is_present(schema, epoch, stored).err().unwrap_or_else(|| fenced(schema, epoch, epoch)))
}

/// Proves that the metadata can be made or written, and leaves nothing behind.
pub(crate) fn probe(session: &Session, settings: &Settings, names: &Names) -> Result<(), Failure> {
    let probed: Result<(), Refusal> = session.transaction(None, |_| {
        metadata::create(session, names)?;
        claim(session, settings, names, (PROBE, PROBE))?;
        session.run("CREATE TEMPORARY TABLE _cartridge_probe (x integer) ON COMMIT DROP")?;
        Err(Failure::stop(PROBE, "the end of a probe").into())
    });
    match probed {
        Err(refusal) if refusal.failure.code == PROBE => Ok(()),
        other => Ok(other?),
    }
}

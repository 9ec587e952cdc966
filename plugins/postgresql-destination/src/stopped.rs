//! Ends sessions that keep a claim out and do nothing: those of an owner that was stopped, or cut off, in the middle
//! of a commit.
//!
//! Such a session has the epoch's lock for as long as its client says nothing. Whatever it has not committed when the
//! schema is claimed may be lost: its owner is to write nothing more. One that is at work is waited for. The server
//! lets a role end its own sessions; those of others end by the timeouts that each session sets for itself
//! ([`crate::session`]).

use std::collections::HashMap;
use std::time::Duration;

use cartridge_warp_sdk::log;
use postgresql_client::Settings;

use crate::refusal::Refusal;
use crate::session::Session;

/// How often somebody looks at those who have the lock.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many looks in a row have to find a session waiting for its client: a living one sends the next statement, or
/// the next rows, in far less time.
const LOOKS_MIN: u32 = 5;

/// Runs a statement that waits for an advisory lock, and ends sessions that have it and wait for their client.
pub(crate) fn lock(
    session: &Session,
    settings: &Settings,
    statement: &str,
    key: i64,
) -> Result<(), Refusal> {
    let mut looks = Looks { key, other: None, idle: HashMap::new() };
    session.run_watched(statement, LOOK_EVERY, || {
        // Who cannot look waits all the same.
        if looks.look(settings).is_err() {
            looks.other = None;
        }
    })
}

struct Looks {
    key: i64,
    /// The connection of the claim is waiting.
    other: Option<Session>,
    /// By process, how often in a row it was found waiting for its client.
    idle: HashMap<i32, u32>,
}

impl Looks {
    fn look(&mut self, settings: &Settings) -> Result<(), Refusal> {
        let session = match &mut self.other {
            Some(session) => session,
            none => none.insert(Session::open(settings)?),
        };
        let holders = format!(
            "FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                 AND l.database = (SELECT oid FROM pg_catalog.pg_database
                     WHERE datname = current_database())
                 AND (l.classid::bigint << 32) | l.objid::bigint = {}
                 AND a.usename = current_user AND a.wait_event = 'ClientRead'",
            self.key
        );
        let rows = session.query(&format!("SELECT a.pid {holders}"), &[])?;
        let found: Vec<i32> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
        self.idle.retain(|process, _| found.contains(process));
        for process in found {
            let looks = self.idle.entry(process).or_default();
            *looks += 1;
            if *looks < LOOKS_MIN {
                continue;
            }
            let end =
                format!("SELECT pg_catalog.pg_terminate_backend(a.pid) {holders} AND a.pid = $1");
            session.query(&end, &[&process])?;
            log::warn(
                "ended a session that kept the schema locked and whose client said nothing",
                &[("server_process", &process.to_string())],
            );
        }
        Ok(())
    }
}

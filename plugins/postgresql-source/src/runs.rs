//! Which run of its pipeline this is, and the one whose place it took.
//!
//! A server notices only after a while that a client is gone or stands still, and keeps the slot for it meanwhile. So
//! connections that read the log say in their name which run they are of, and a run ends those of the one that the host
//! says had the schema before and did not give it back. Never those of another one: a run that stood still and goes on
//! must not end the reader of whoever took its place.

use std::cell::Cell;

use cartridge_warp_sdk::{Config, Failure, log};
use postgresql_client::Settings;
use postgresql_client::names::literal;

use crate::options::Options;
use crate::session::Session;

/// The most bytes of an application's name.
const NAME_BYTES_MAX: usize = 63;

/// The names of the runs, where the host says them.
pub struct Runs {
    run: Option<String>,
    /// Until its reader was ended once: later it may have come back, and have taken this one's place.
    abandoned: Cell<Option<String>>,
}

impl Runs {
    pub fn new(config: &Config<Options>) -> Self {
        let named = |key| config.setting(key).filter(|run| is_name(run)).map(str::to_owned);
        Self { run: named("run"), abandoned: Cell::new(named("abandoned_run")) }
    }

    /// What connections that read the log are called.
    pub fn reader(&self, settings: &Settings) -> Option<String> {
        self.run.as_deref().map(|run| reader_of(settings, run))
    }

    /// Ends the reader that the abandoned run has at a slot. Nothing where the server's role may not end it: then it
    /// goes by itself.
    pub fn end_abandoned(
        &self,
        session: &Session,
        settings: &Settings,
        slot: &str,
    ) -> Result<(), Failure> {
        let Some(run) = self.abandoned.take() else { return Ok(()) };
        // One of another role is not ours, whatever it is called.
        let ended = session.rows(&format!(
            "SELECT pg_terminate_backend(a.pid) FROM pg_replication_slots s \
             JOIN pg_stat_activity a ON a.pid = s.active_pid \
             WHERE s.slot_name = {} AND a.usename = current_user AND a.application_name = {}",
            literal(slot),
            literal(&reader_of(settings, &run))
        ));
        if ended.as_ref().is_ok_and(|ended| !ended.is_empty()) {
            log::warn("ended the reader of a run that is gone or stands still", &[("run", &run)]);
        }
        if ended.is_err() {
            self.abandoned.set(Some(run));
        }
        ended.map(drop)
    }
}

fn reader_of(settings: &Settings, run: &str) -> String {
    let program = settings.config().get_application_name().unwrap_or_default();
    let room = NAME_BYTES_MAX.saturating_sub(run.len() + 1);
    let program: String = program.chars().filter(char::is_ascii).take(room).collect();
    format!("{program}/{run}")
}

/// The host's own names are such; anything else may have been written by somebody else.
fn is_name(run: &str) -> bool {
    run.len() == 32 && run.bytes().all(|byte| byte.is_ascii_hexdigit())
}

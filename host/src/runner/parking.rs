//! Which failures are a table's own, so that it is parked and the others go on.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use chrono::DateTime;

use super::{
    advice::{argument, full_resync},
    error::RunError,
    state::{Reason, TableState},
};
use crate::{
    config::{OnLostPosition, OnTableFailure, WarpConfig, WriteMode},
    model::{Action, text},
    monitor::{ParkedTable, TableStatus},
};

/// What is kept of each text of a reason.
const TEXT_BYTES_MAX: usize = 2 * 1024;

/// What an operator wants for the tables of a schema that fail (`on_table_failure`).
#[derive(Clone, Debug)]
pub struct Parking {
    config: Arc<WarpConfig>,
    schema: String,
    /// Tables that a person has just asked for: that it is in vain is the answer.
    asked: Vec<String>,
}

impl Parking {
    pub fn new(config: Arc<WarpConfig>, schema: &str, asked: &[String]) -> Self {
        Self { config, schema: schema.to_owned(), asked: asked.to_vec() }
    }

    /// The tables that are parked for this error; none where it stops the schema.
    pub fn tables_of(&self, error: &RunError) -> Vec<String> {
        let needs_a_person = match error.action() {
            Action::Config | Action::Stop => !error.is_fenced(),
            // What was lost is copied again, where a person has said so before.
            Action::Resync => self.fails_when_lost(),
            _ => false,
        };
        let tables = if needs_a_person { error.tables() } else { Vec::new() };
        if tables.iter().all(|table| self.may_park(table)) {
            return tables.into_iter().map(str::to_owned).collect();
        }
        Vec::new()
    }

    fn fails_when_lost(&self) -> bool {
        let schema = self.config.schema(&self.schema);
        schema.is_some_and(|schema| schema.on_lost_position == OnLostPosition::Fail)
    }

    fn may_park(&self, table: &str) -> bool {
        let Some(schema) = self.config.schema(&self.schema) else { return false };
        if self.asked.iter().any(|asked| asked == table) {
            return false;
        }
        match schema.on_table_failure {
            OnTableFailure::ParkAll => true,
            OnTableFailure::Stop => false,
            // A log cannot be told again by its source.
            OnTableFailure::Park => {
                self.config.table_settings(&self.schema, table).write_mode != WriteMode::Append
            }
        }
    }
}

/// Why a table is parked from now on.
pub fn reason(error: &RunError) -> Reason {
    Reason {
        code: error.word(),
        message: text::one_line(&error.chain(), TEXT_BYTES_MAX),
        help: text::one_line(&error.help_for_table(), TEXT_BYTES_MAX),
        since_s: now_s(),
    }
}

impl Reason {
    /// The same for a person.
    pub fn shown(self, schema: &str, table: &str) -> ParkedTable {
        let Self { code, message, help, since_s } = self;
        let flag = full_resync(schema, table);
        let resume = argument(schema, table);
        let then = "when that is mended, have it copied again: `cartridge-warp resume";
        let is_said = [&help, &message].into_iter().any(|said| names(said, &flag));
        let then = match is_said {
            true => format!("{then} {resume}`"),
            false => format!("{then} {resume}`, or `run {flag}`"),
        };
        let help = if help.is_empty() { then } else { format!("{help}; {then}") };
        ParkedTable { code, message, help, since: moment(since_s) }
    }
}

/// Whether words name a flag, and not only one that begins like it.
fn names(words: &str, flag: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    words.match_indices(flag).any(|(at, _)| words.get(at + flag.len()..).is_some_and(is_end))
}

/// What helps where a table that is left out is gone at its source, whatever it was left out for.
pub fn help_when_gone(schema: &str, table: &str) -> String {
    format!(
        "its source has no such table any more, so nothing waits for it: `cartridge-warp resume {}` takes it \
         off this list; should it come back, it is copied again",
        argument(schema, table)
    )
}

/// A table's state for a person.
pub fn table_status(schema: &str, table: &str, state: &TableState) -> TableStatus {
    let word = state.word();
    match state {
        TableState::Parked { reason, .. } => {
            let ParkedTable { code, message, help, since } = reason.clone().shown(schema, table);
            TableStatus {
                state: word,
                since: Some(since),
                code: Some(code),
                message: Some(message),
                help: Some(help),
            }
        }
        TableState::Paused { since_s, .. } => TableStatus {
            state: word,
            since: Some(moment(*since_s)),
            help: Some(format!(
                "`cartridge-warp resume {}` has it copied again",
                argument(schema, table)
            )),
            ..TableStatus::default()
        },
        _ => TableStatus { state: word, ..TableStatus::default() },
    }
}

/// A time in seconds since 1970 as in RFC 3339; empty where it comes from a damaged marker.
pub fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|time| DateTime::from_timestamp(time, 0));
    time.map_or_else(String::new, |time| time.to_rfc3339())
}

/// The time in seconds since 1970.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_is_said_once() {
        let said = "copy it with --full-resync=shop.orders";
        // The last one is another table's.
        for (message, help, is_added) in [
            ("m", "", true),
            ("m", "mend it", true),
            ("m", said, false),
            (said, "mend it", false),
            ("m", "copy it with --full-resync=shop.orders_of_old", true),
        ] {
            let reason =
                Reason { code: "c".into(), message: message.into(), help: help.into(), since_s: 0 };
            let shown = reason.shown("shop", "orders").help;
            assert!(shown.contains("`cartridge-warp resume shop.orders`"), "{shown}");
            let added = shown.contains("or `run --full-resync=shop.orders`");
            assert_eq!(added, is_added, "{shown}");
        }
    }
}

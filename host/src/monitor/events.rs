//! What changes, as it changes, for those who listen.
//!
//! Each listener has a queue of [`QUEUE_MAX`] events; one that reads more slowly than things change is told how many it
//! lost (I7). Nobody who changes something waits for a listener.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::states::{SchemaState, TableStatus};

/// Events that a listener may be behind.
pub const QUEUE_MAX: usize = 1_024;

/// A schema, or a table of it, is in another state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When, as in RFC 3339.
    pub at: String,
    pub schema: String,
    /// The table; none where it is the schema's own state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// As in the status: `streaming`, `retrying`, `parked` and so on; `gone` for a table that the source dropped.
    pub state: String,
    /// Failures in a row of a schema that is retrying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why a table is parked, in a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// The listeners.
#[derive(Debug)]
pub(super) struct Listeners(broadcast::Sender<Event>);

impl Default for Listeners {
    fn default() -> Self {
        Self(broadcast::channel(QUEUE_MAX).0)
    }
}

impl Listeners {
    pub(super) fn listen(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// The schema is in another state.
    pub(super) fn schema(&self, schema: &str, before: &SchemaState, now: &SchemaState) {
        if before == now {
            return;
        }
        let (attempt, message) = now.failure();
        let state = now.word().to_owned();
        self.tell(Event { state, attempt, message, ..of(schema) });
    }

    /// A table has another status, or is there no more.
    pub(super) fn table(
        &self,
        schema: &str,
        table: &str,
        before: Option<&TableStatus>,
        now: Option<&TableStatus>,
    ) {
        if before == now {
            return;
        }
        let gone = TableStatus { state: "gone", ..TableStatus::default() };
        let TableStatus { state, code, message, help, .. } = now.unwrap_or(&gone).clone();
        let (table, state) = (Some(table.to_owned()), state.to_owned());
        self.tell(Event { table, state, code, message, help, ..of(schema) });
    }

    /// All tables of a schema, before and now.
    pub(super) fn tables(
        &self,
        schema: &str,
        before: &BTreeMap<String, TableStatus>,
        now: &BTreeMap<String, TableStatus>,
    ) {
        let gone = before.keys().filter(|table| !now.contains_key(*table));
        for table in gone.chain(now.keys()) {
            self.table(schema, table, before.get(table), now.get(table));
        }
    }

    fn tell(&self, event: Event) {
        // An error says that nobody listens.
        let _ = self.0.send(event);
    }
}

fn of(schema: &str) -> Event {
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    Event { at, schema: schema.to_owned(), ..Event::default() }
}

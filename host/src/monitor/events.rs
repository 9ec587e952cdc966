//! What changes, as it changes, for those who listen.
//!
//! Each listener has a queue of [`QUEUE_MAX`] events; one that reads more slowly than things change is told how many it
//! lost (I7). Nobody who changes something waits for a listener.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, Utc};
use tokio::sync::broadcast;

use super::{
    event::Event,
    proof::LastProof,
    recent::Recent,
    states::{SchemaState, TableStatus},
};

/// Events that a listener may be behind.
pub const QUEUE_MAX: usize = 1_024;

/// Where rows of a table were compared: they are not the source's, or are again.
const DRIFTED: &str = "drifted";
const EQUAL: &str = "equal";

/// The listeners.
#[derive(Debug)]
pub(super) struct Listeners {
    sender: broadcast::Sender<Event>,
    recent: Recent,
}

impl Default for Listeners {
    fn default() -> Self {
        Self { sender: broadcast::channel(QUEUE_MAX).0, recent: Recent::default() }
    }
}

impl Listeners {
    pub(super) fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// What changed lately, the oldest first.
    pub(super) fn recent(&self) -> Vec<Event> {
        self.recent.all()
    }

    /// The schema is in another state.
    pub(super) fn schema(&self, schema: &str, before: &SchemaState, now: &SchemaState) {
        if before == now {
            return;
        }
        let (attempt, message) = now.failure();
        let state = now.word().to_owned();
        self.tell(None, Event { state, attempt, message, ..of(schema) });
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
        let before = before.map(|before| before.state);
        self.tell(before, Event { table, state, code, message, help, ..of(schema) });
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

    /// What came of a comparison of a schema's rows, and of the one before: tables that drifted, and those that did.
    pub(super) fn proof(&self, schema: &str, before: Option<&LastProof>, now: &LastProof) {
        for (table, proof) in now.drifted() {
            let (message, help) = (Some(proof.message.clone()), proof.help.clone());
            let (table, state) = (Some(table.clone()), DRIFTED.to_owned());
            self.tell(None, Event { table, state, message, help, ..of(schema) });
        }
        let mended = before.into_iter().flat_map(LastProof::drifted);
        for (table, _) in mended.filter(|(table, _)| !now.remarks.contains_key(*table)) {
            let (table, state) = (Some(table.clone()), EQUAL.to_owned());
            self.tell(Some(DRIFTED), Event { table, state, ..of(schema) });
        }
    }

    fn tell(&self, before: Option<&str>, event: Event) {
        self.recent.add(before, &event);
        // An error says that nobody listens.
        let _ = self.sender.send(event);
    }
}

fn of(schema: &str) -> Event {
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    Event { at, schema: schema.to_owned(), ..Event::default() }
}

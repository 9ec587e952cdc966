//! The open dead letters of a schema: those that nobody has settled, and that no new copy of their table has
//! replaced. For metrics and `/health`, and for `dead_letter_limit`, with more of which a table is parked.
//!
//! The destination knows them, where it can say so (`destination-letters`): it is asked when an attempt begins,
//! now and then while some are open, since a person may settle them meanwhile, and before a table is parked for them.
//! In between, what is committed is added, and a table that is emptied has none, since its rows are all read
//! again. Where it cannot say so, the process knows only of those that it committed itself.
//!
//! A limit that is a share is one of what this process committed, since nobody else knows how many rows came.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::count::{Brought, Letters, Since, excess, of};
use crate::{
    config::{DeadLetterLimit, WarpConfig},
    monitor::{Health, SchemaMetrics, metrics::OTHER},
    plugin::DestinationConnection,
    runner::error::RunError,
};

/// Tables that are counted by name (I7); dead letters of all others are counted together.
const TABLES_MAX: usize = 10_000;

/// How often a destination is asked whether open letters were settled; where it takes long to say so, it may take
/// that share of the time.
const ASK_EVERY: Duration = Duration::from_secs(10);
const ASKED_SHARE: u32 = 100;

/// What is known of a schema's open dead letters.
pub struct OpenLetters {
    config: Arc<WarpConfig>,
    schema: String,
    metrics: SchemaMetrics,
    health: Health,
    open: Mutex<Letters>,
    /// Of the tables whose limit is a share.
    since: Mutex<BTreeMap<String, Since>>,
    /// When it is asked again.
    due: Mutex<Option<Instant>>,
}

impl OpenLetters {
    /// None yet.
    pub fn new(
        config: Arc<WarpConfig>,
        schema: &str,
        metrics: SchemaMetrics,
        health: Health,
    ) -> Self {
        let (open, since, due) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { config, schema: schema.to_owned(), metrics, health, open, since, due }
    }

    /// Asks the destination which are open, if it can say so.
    pub async fn ask(&self, destination: &DestinationConnection) -> Result<(), RunError> {
        let asked = Instant::now();
        let answer = destination.count_open(&self.schema).await?;
        let pause = ASK_EVERY.max(asked.elapsed().saturating_mul(ASKED_SHARE));
        let due = Instant::now().checked_add(pause);
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
        let Some(answer) = answer else { return Ok(()) };
        let mut open = self.open();
        let before = std::mem::replace(&mut *open, answer.into_iter().collect());
        self.show(&open, before.keys().chain(open.keys()));
        Ok(())
    }

    /// The same while some are open, every few seconds.
    pub async fn ask_again(&self, destination: &DestinationConnection) -> Result<(), RunError> {
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = due.is_none_or(|due| Instant::now() >= due);
        if !is_due || self.open().is_empty() {
            return Ok(());
        }
        self.ask(destination).await
    }

    /// Refuses to commit more letters than a table may have.
    pub async fn admit(
        &self,
        destination: &DestinationConnection,
        brought: &Brought,
    ) -> Result<(), RunError> {
        if self.check(brought).is_ok() {
            return Ok(());
        }
        // A person may have settled some.
        self.ask(destination).await?;
        self.check(brought)
    }

    fn check(&self, brought: &Brought) -> Result<(), RunError> {
        let (open, since) = (self.open(), self.since());
        for table in brought.tables() {
            let limit = match self.limit(table) {
                None => continue,
                // What was open before is nobody's news.
                Some(DeadLetterLimit::Rows(_)) if !brought.letters.contains_key(table) => continue,
                Some(limit) => limit,
            };
            let since = since.get(table).copied().unwrap_or_default();
            let since = brought.since_after(table, since);
            if let Some(found) = excess(limit, brought.open_after(table, of(&open, table)), since) {
                let (schema, table) = (self.schema.clone(), table.clone());
                return Err(RunError::DeadLetterLimit { schema, table, found });
            }
        }
        Ok(())
    }

    /// This is committed.
    pub fn committed(&self, brought: &Brought) {
        self.count_share(brought);
        let Brought { cleared, letters, .. } = brought;
        if cleared.is_empty() && letters.is_empty() {
            return;
        }
        let mut open = self.open();
        cleared.iter().for_each(|table| {
            open.remove(table);
        });
        for (table, more) in letters {
            self.metrics.table(table).dead_letters(*more);
            let has_room = open.len() < TABLES_MAX || open.contains_key(table);
            let count = open.entry(if has_room { table } else { OTHER }.to_owned()).or_default();
            *count = count.saturating_add(*more);
        }
        let changed: BTreeSet<&String> = cleared.iter().chain(letters.keys()).collect();
        self.show(&open, changed);
    }

    fn count_share(&self, brought: &Brought) {
        let mut all = self.since();
        for table in brought.tables() {
            let has_room = all.len() < TABLES_MAX || all.contains_key(table);
            if has_room && matches!(self.limit(table), Some(DeadLetterLimit::Share(_))) {
                let since = all.entry(table.clone()).or_default();
                *since = brought.since_after(table, *since);
            }
        }
    }

    /// Whether the tables of letters that are committed already are within their limits.
    pub async fn check_committed(
        &self,
        destination: &DestinationConnection,
        letters: &Letters,
    ) -> Result<(), RunError> {
        let none = letters.keys().map(|table| (table.clone(), 0)).collect();
        self.admit(destination, &Brought { letters: none, ..Brought::default() }).await
    }

    fn limit(&self, table: &str) -> Option<DeadLetterLimit> {
        self.config.dead_letter_limit(&self.schema, table)
    }

    fn show<'a>(&self, open: &Letters, changed: impl IntoIterator<Item = &'a String>) {
        for table in changed {
            self.metrics.table(table).dead_letters_open(of(open, table));
        }
        self.health.set_dead_letters(&self.schema, open.clone());
    }

    // Numbers are valid in any state.
    fn since(&self) -> MutexGuard<'_, BTreeMap<String, Since>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Letters> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

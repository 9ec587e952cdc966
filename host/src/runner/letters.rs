//! The open dead letters of a schema: those that nobody has settled, and that no new copy of their table has
//! replaced. For metrics and `/health`, and for `dead_letter_limit`, with more of which a table is parked.
//!
//! The destination knows them, where it can say so (`destination-letters`): it is asked when an attempt begins,
//! now and then while some are open, since a person may settle them meanwhile, and before a table is parked for them.
//! In between, what is committed is added, and a table that is emptied has none, since its rows are all read
//! again. Where it cannot say so, the process knows only of those that it committed itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::error::RunError;
use crate::{
    config::WarpConfig,
    model::DeadLetter,
    monitor::{Health, SchemaMetrics, metrics::OTHER},
    plugin::DestinationConnection,
};

/// Tables that are counted by name (I7); dead letters of all others are counted together.
const TABLES_MAX: usize = 10_000;

/// How often a destination is asked whether open letters were settled; where it takes long to say so, it may take
/// that share of the time.
const ASK_EVERY: Duration = Duration::from_secs(10);
const ASKED_SHARE: u32 = 100;

/// Dead letters by table.
pub type Letters = BTreeMap<String, u64>;

/// What is known of a schema's open dead letters.
pub struct OpenLetters {
    config: Arc<WarpConfig>,
    schema: String,
    metrics: SchemaMetrics,
    health: Health,
    open: Mutex<Letters>,
    /// When it is asked again.
    due: Mutex<Option<Instant>>,
}

/// Letters of one commit, by table.
pub fn by_table(letters: &[DeadLetter]) -> Letters {
    let mut counts = Letters::new();
    for letter in letters {
        *counts.entry(letter.table.clone()).or_default() += 1;
    }
    counts
}

/// The first of the rows of each table that are refused for one reason, and how many they are. A row comes
/// with its table and the word for the reason.
pub fn by_reason<'r, T>(
    rows: impl IntoIterator<Item = (&'r str, &'r str, T)>,
) -> BTreeMap<(&'r str, &'r str), (T, u64)> {
    let mut reasons = BTreeMap::new();
    for (table, code, row) in rows {
        let (_, rows) = reasons.entry((table, code)).or_insert((row, 0));
        *rows += 1;
    }
    reasons
}

impl OpenLetters {
    /// None yet.
    pub fn new(
        config: Arc<WarpConfig>,
        schema: &str,
        metrics: SchemaMetrics,
        health: Health,
    ) -> Self {
        let (open, due) = (Mutex::default(), Mutex::default());
        Self { config, schema: schema.to_owned(), metrics, health, open, due }
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

    /// Refuses to commit more letters than a table may have, `cleared` tables being emptied first.
    pub async fn admit(
        &self,
        destination: &DestinationConnection,
        cleared: &[String],
        more: &Letters,
    ) -> Result<(), RunError> {
        if self.check(cleared, more).is_ok() {
            return Ok(());
        }
        // A person may have settled some.
        self.ask(destination).await?;
        self.check(cleared, more)
    }

    fn check(&self, cleared: &[String], more: &Letters) -> Result<(), RunError> {
        let open = self.open();
        for (table, more) in more {
            let before = if cleared.contains(table) { 0 } else { of(&open, table) };
            self.within(table, before.saturating_add(*more))?;
        }
        Ok(())
    }

    /// Letters are committed, and so are these emptied tables.
    pub fn committed(&self, cleared: &[String], more: &Letters) {
        if cleared.is_empty() && more.is_empty() {
            return;
        }
        let mut open = self.open();
        cleared.iter().for_each(|table| {
            open.remove(table);
        });
        for (table, more) in more {
            self.metrics.table(table).dead_letters(*more);
            let has_room = open.len() < TABLES_MAX || open.contains_key(table);
            let count = open.entry(if has_room { table } else { OTHER }.to_owned()).or_default();
            *count = count.saturating_add(*more);
        }
        let changed: BTreeSet<&String> = cleared.iter().chain(more.keys()).collect();
        self.show(&open, changed);
    }

    /// Whether the tables of letters that are committed already are within their limits.
    pub async fn check_committed(
        &self,
        destination: &DestinationConnection,
        letters: &Letters,
    ) -> Result<(), RunError> {
        let none = letters.keys().map(|table| (table.clone(), 0)).collect();
        self.admit(destination, &[], &none).await
    }

    fn within(&self, table: &str, found: u64) -> Result<(), RunError> {
        match self.config.table_settings(&self.schema, table).dead_letter_limit {
            Some(max) if found > max => {
                Err(RunError::DeadLetterLimit { table: table.to_owned(), found, max })
            }
            _ => Ok(()),
        }
    }

    fn show<'a>(&self, open: &Letters, changed: impl IntoIterator<Item = &'a String>) {
        for table in changed {
            self.metrics.table(table).dead_letters_open(of(open, table));
        }
        self.health.set_dead_letters(&self.schema, open.clone());
    }

    // Numbers are valid in any state.
    fn open(&self) -> MutexGuard<'_, Letters> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(open: &Letters, table: &str) -> u64 {
    open.get(table).copied().unwrap_or_default()
}

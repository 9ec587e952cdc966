//! What a source may make a schema write and keep beside its rows (I7): `schemas[].limits`.
//!
//! Dead letters and the history of shapes are counted over 24 hours, not for ever: the host does
//! not learn when a person empties those tables, so a sum that only grows would stop every pipeline
//! one day. The counts are the marker `quota`, stored in the transaction of what they count (I2):
//! neither a crash nor a restart begins them anew.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    config::ByteCount,
    model::{DeadLetter, Marker},
    plugin::DestinationConnection,
    runner::{
        context::SchemaContext,
        error::RunError,
        state::{QUOTA, marker, read},
        table::{Table, Tables},
    },
};

/// How long what was written counts.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// What a schema has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// When the window began, in seconds since 1970.
    since_s: u64,
    dead_letter_bytes: u64,
    shape_bytes: u64,
    /// Tables at the destination, whenever they came.
    tables: u64,
}

impl Written {
    /// The same as of now. A clock that was set back does not end the window.
    fn as_of(self, now_s: u64) -> Self {
        if now_s < self.since_s {
            return Self { since_s: now_s, ..self };
        }
        if now_s - self.since_s < WINDOW.as_secs() {
            return self;
        }
        Self { since_s: now_s, tables: self.tables, ..Self::default() }
    }
}

/// The counts of one schema, read when something is first counted.
#[derive(Debug, Default)]
pub struct Quota {
    written: Mutex<Option<Written>>,
}

/// The counts while something is being written. Dropped without [`Self::committed`], they are as
/// before.
pub struct Held<'a> {
    written: MutexGuard<'a, Option<Written>>,
    next: Written,
    context: &'a SchemaContext,
}

impl Quota {
    /// Waits until nobody else is writing what is counted.
    pub async fn hold<'a>(
        &'a self,
        context: &'a SchemaContext,
        destination: &DestinationConnection,
    ) -> Result<Held<'a>, RunError> {
        let mut written = self.written.lock().await;
        let last = match *written {
            Some(last) => last,
            None => read(destination, context.name(), QUOTA).await?.unwrap_or_default(),
        };
        *written = Some(last);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Held { written, next: last.as_of(now.as_secs()), context })
    }
}

impl Held<'_> {
    /// Counts dead letters that are about to be written.
    pub fn add_letters(&mut self, letters: &[DeadLetter]) -> Result<(), RunError> {
        let bytes = letters.iter().map(DeadLetter::byte_count).sum::<usize>() as u64;
        let table = letters.last().map_or("", |letter| letter.table.as_str());
        self.add_letter_bytes(table, bytes)
    }

    /// The same for rows that the destination has made dead letters of.
    pub fn add_letter_bytes(&mut self, table: &str, bytes: u64) -> Result<(), RunError> {
        let sum = &mut self.next.dead_letter_bytes;
        *sum = sum.saturating_add(bytes);
        let (sum, max) = (*sum, self.context.schema.limits.dead_letter_bytes);
        bytes_within(self.context, "dead_letter_bytes", table, sum, max, "of dead letters in a day")
    }

    /// Counts a shape that is about to be stored; the first one of a table is a further table.
    pub fn add_shape(&mut self, name: &str, bytes: usize, is_first: bool) -> Result<(), RunError> {
        let context = self.context;
        let limits = &context.schema.limits;
        self.next.tables = self.next.tables.saturating_add(u64::from(is_first));
        let tables_max = limits.tables_max.get().into();
        within(context, "tables_max", name, self.next.tables, tables_max, "tables")?;
        let sum = &mut self.next.shape_bytes;
        *sum = sum.saturating_add(bytes as u64);
        let (sum, max) = (*sum, limits.shape_history_bytes);
        bytes_within(context, "shape_history_bytes", name, sum, max, "of changed shapes in a day")
    }

    /// A table is about to go.
    pub fn remove_table(&mut self) {
        self.next.tables = self.next.tables.saturating_sub(1);
    }

    /// To be committed with what was counted.
    pub fn marker(&self) -> Marker {
        marker(QUOTA.to_owned(), &self.next)
    }

    pub fn committed(mut self) {
        *self.written = Some(self.next);
    }
}

/// Refuses a table with more columns than a table of the schema may have. Columns that the operator
/// keeps away from the destination are remembered, so they count on their own.
pub fn check_columns(context: &SchemaContext, table: &Table) -> Result<(), RunError> {
    let max = context.schema.limits.columns_max.get().into();
    let check = |count: usize, what| {
        within(context, "columns_max", &table.source.name, count as u64, max, what)
    };
    check(table.column_count(), "columns")?;
    check(table.left_out_count(), "columns that are left out")
}

/// Refuses more tables, or larger shapes, than a schema may have; `table` came last.
pub fn check_tables(context: &SchemaContext, tables: &Tables, table: &str) -> Result<(), RunError> {
    let limits = &context.schema.limits;
    let tables_max = limits.tables_max.get().into();
    within(context, "tables_max", table, tables.len() as u64, tables_max, "tables")?;
    let bytes = tables.values().map(Table::shape_bytes).sum::<usize>() as u64;
    bytes_within(context, "shape_bytes", table, bytes, limits.shape_bytes, "of shapes")
}

fn bytes_within(
    context: &SchemaContext,
    key: &'static str,
    table: &str,
    bytes: u64,
    max: ByteCount,
    what: &str,
) -> Result<(), RunError> {
    within(context, key, table, bytes, max.get(), &format!("bytes {what}"))
}

fn within(
    context: &SchemaContext,
    key: &'static str,
    table: &str,
    count: u64,
    max: u64,
    what: &str,
) -> Result<(), RunError> {
    if count <= max {
        return Ok(());
    }
    Err(RunError::Quota {
        plugin: context.source.plugin.info.name.clone(),
        schema: context.name().to_owned(),
        table: table.to_owned(),
        key,
        found: format!("{count} {what}, {max} are allowed"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_counts_for_a_day_and_tables_for_ever() {
        let written = Written { since_s: 1000, dead_letter_bytes: 7, shape_bytes: 8, tables: 9 };
        let day = WINDOW.as_secs();
        let cases = [
            ("within the day", 1000 + day - 1, written),
            (
                "a new day",
                1000 + day,
                Written { since_s: 1000 + day, tables: 9, ..Written::default() },
            ),
            ("a clock that was set back", 5, Written { since_s: 5, ..written }),
        ];
        for (name, now, expected) in cases {
            assert_eq!(written.as_of(now), expected, "{name}");
        }
    }
}

//! What the destination of a pipeline that stands still does not have yet: its changes are read from the source behind
//! the position that is committed, and neither written nor confirmed.

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant},
};

use super::view::View;
use crate::{
    model::{Operation, Position},
    plugin::{ChangeBatch, ReadLimits},
    runner::{
        context::SchemaContext,
        error::RunError,
        reading::{Asked, BYTES_MAX},
        table::Table,
    },
};

/// How long one call waits for changes.
const WAIT: Duration = Duration::from_millis(250);

/// Which of some rows have changes.
#[derive(Debug, Default)]
pub struct Pending {
    keys: HashSet<u128>,
    /// The table was emptied: all rows have one.
    all: bool,
    /// Why there may be more; none where all were read.
    pub cut: Option<&'static str>,
}

const TOO_MANY: &str = "the changes behind the committed position are too many to read";
const RESHAPED: &str =
    "the table's shape changes behind the committed position: a run takes that over";
const NO_KEY: &str =
    "a change behind the committed position cannot travel, and has no key that says whose it is";

impl Pending {
    /// Whether a row has a change.
    pub fn has(&self, key: u128) -> bool {
        self.all || self.keys.contains(&key)
    }

    fn take(
        &mut self,
        table: &mut Table,
        view: &View,
        asked: &BTreeSet<u128>,
        batch: ChangeBatch,
    ) -> Result<(), RunError> {
        let name = table.source.name.clone();
        let is_ours = |other: &str| other == name;
        if batch.schema_changes.iter().any(|change| is_ours(&change.table)) {
            self.cut = Some(RESHAPED);
        }
        for letter in batch.rejected.iter().filter(|letter| is_ours(&letter.table)) {
            let said = letter.key.as_deref().and_then(|key| table.redact_key(key));
            self.refused(asked, view.said(table, said.as_deref())?);
        }
        for rows in batch.tables.into_iter().filter(|rows| is_ours(&rows.table)) {
            self.all |= rows.operation_counts()[Operation::Truncate as usize] > 0;
            let Some(shaped) = view.changed(table, rows)? else {
                self.cut = Some(RESHAPED);
                continue;
            };
            let hashed = shaped.parts.iter().flat_map(|rows| &rows.hashed);
            let keys = hashed.map(|hashed| hashed.key);
            self.keys.extend(keys.filter(|key| asked.contains(key)));
            for said in &shaped.refused {
                self.refused(asked, view.said(table, said.as_deref())?);
            }
        }
        Ok(())
    }

    /// A change cannot travel, of the row with this key.
    fn refused(&mut self, asked: &BTreeSet<u128>, key: Option<u128>) {
        match key {
            Some(key) if asked.contains(&key) => drop(self.keys.insert(key)),
            Some(_) => {}
            None => self.cut = Some(NO_KEY),
        }
    }
}

/// Reads the changes of a table behind a position, until the source has no more. `asked` are the rows that are of
/// interest, by the hashes of their keys.
pub async fn pending(
    context: &SchemaContext,
    after: &Position,
    followed: &[String],
    (table, view): (&mut Table, &View),
    asked: &BTreeSet<u128>,
    until: Instant,
) -> Result<Pending, RunError> {
    let (schema, mut pending) = (context.name(), Pending::default());
    // Of its own, and ended at once: a source may let only one read its changes.
    let source = context.open_source().await?;
    source.select_tables(schema, followed).await?;
    let limits = ReadLimits { rows_max: 10_000, bytes_max: BYTES_MAX as u64, wait: WAIT };
    let mut position = after.clone();
    loop {
        let begun = Asked::now();
        let mut batch = source.get_changes(schema, &position, limits).await?;
        let (caught_up, moved) = (batch.caught_up, batch.position != position);
        position = std::mem::replace(&mut batch.position, Position(Vec::new()));
        let brings = batch.row_count() > 0;
        pending.take(table, view, asked, batch)?;
        if caught_up {
            break;
        }
        if Instant::now() >= until {
            pending.cut = Some(TOO_MANY);
            break;
        }
        if !moved && !brings {
            begun.pause().await;
        }
    }
    source.close().await;
    Ok(pending)
}

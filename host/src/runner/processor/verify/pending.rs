//! What the destination of a pipeline that stands still does not have yet: its changes are read from the source behind
//! the position that is committed, and neither written nor confirmed.

use std::{
    collections::{BTreeMap, HashSet},
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
    /// Any row may have some.
    any: bool,
    /// Why there may be more; none where all were read.
    pub cut: Option<&'static str>,
}

impl Pending {
    /// Whether a row has a change.
    pub fn has(&self, key: u128) -> bool {
        self.any || self.keys.contains(&key)
    }

    fn take(
        &mut self,
        table: &mut Table,
        view: &View,
        asked: &BTreeMap<u128, &str>,
        batch: ChangeBatch,
    ) -> Result<(), RunError> {
        let name = table.source.name.clone();
        let is_ours = |other: &str| other == name;
        self.any |= batch.schema_changes.iter().any(|change| is_ours(&change.table));
        for letter in batch.rejected.iter().filter(|letter| is_ours(&letter.table)) {
            match letter.key.as_deref().and_then(|key| table.redact_key(key)) {
                Some(said) => {
                    let keys = asked.iter().filter(|(_, asked)| **asked == said);
                    self.keys.extend(keys.map(|(key, _)| *key));
                }
                None => self.any = true,
            }
        }
        for rows in batch.tables.into_iter().filter(|rows| is_ours(&rows.table)) {
            let truncates = rows.operation_counts()[Operation::Truncate as usize];
            match view.shaped(table, rows)? {
                Some(shaped) if truncates == 0 && shaped.refused == 0 => {
                    let hashed = shaped.parts.iter().flat_map(|rows| &rows.hashed);
                    let keys = hashed.map(|hashed| hashed.key);
                    self.keys.extend(keys.filter(|key| asked.contains_key(key)));
                }
                _ => self.any = true,
            }
        }
        Ok(())
    }
}

/// Reads the changes of a table behind a position, until the source has no more. `asked` are the rows that are of
/// interest, by the hashes of their keys, and as dead letters say them.
pub async fn pending(
    context: &SchemaContext,
    after: &Position,
    followed: &[String],
    (table, view): (&mut Table, &View),
    asked: &BTreeMap<u128, &str>,
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
            pending.cut = Some("the changes behind the committed position are too many to read");
            break;
        }
        if !moved && !brings {
            begun.pause().await;
        }
    }
    source.close().await;
    Ok(pending)
}

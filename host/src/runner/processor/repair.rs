//! Rows that drifted are written again, as they are at the source now, while nobody runs the schema.
//!
//! They go the way of `dlq retry`, under a claim of their own, and what holds for that holds here: no older version of a
//! row replaces a newer one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    opened::open,
    order::check_at_rest,
    rewrite::{Again, UNREADABLE, rewrite},
};
use crate::runner::{attempt::check_owner, context::SchemaContext, error::RunError};

/// Rows that are looked up and committed at once, at most (I7).
const ROWS_MAX: usize = 1000;

/// What came of the rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repaired {
    /// Rows that are written, or deleted.
    pub rows: u64,
    /// Rows that were not, by the reason.
    pub passed: BTreeMap<String, u64>,
}

/// Writes the rows of some tables that have these keys, as dead letters say them.
pub async fn repair(
    context: &Arc<SchemaContext>,
    keys: &BTreeMap<String, Vec<String>>,
    take_over: bool,
) -> Result<BTreeMap<String, Repaired>, RunError> {
    let destination = context.open_destination().await?;
    check_owner(context, &destination).await?;
    check_at_rest(context, &destination, take_over).await?;
    let tables: BTreeSet<String> = keys.keys().cloned().collect();
    let opened = open(context, destination.clone(), &tables).await?;
    let mut came: BTreeMap<String, Repaired> = BTreeMap::new();
    for (table, keys) in keys {
        let repaired = came.entry(table.clone()).or_default();
        if let Some(why) = opened.why_not(table) {
            *repaired.passed.entry(why.to_owned()).or_default() += keys.len() as u64;
            continue;
        }
        for some in keys.chunks(ROWS_MAX) {
            let tables = opened.writer.tables.lock().await;
            let known = tables.get(table);
            let texts = some.iter().filter_map(|said| known?.read_key(said));
            let again: Vec<Again> = texts.map(|texts| Again { texts, ids: Vec::new() }).collect();
            drop(tables);
            let asked = again.len();
            let rewritten = rewrite(&opened, table, again, None).await?;
            let written = asked - rewritten.unreadable.len();
            repaired.rows += written as u64;
            let unreadable = (some.len() - written) as u64;
            if unreadable > 0 {
                *repaired.passed.entry(UNREADABLE.to_owned()).or_default() += unreadable;
            }
        }
    }
    opened.source.close().await;
    destination.close().await;
    Ok(came)
}

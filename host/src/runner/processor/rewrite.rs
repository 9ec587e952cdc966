//! Rows are looked up at the source by their keys, and written as they are there now.

use std::time::Duration;

use super::opened::Opened;
use crate::{
    model::{Operation, Settlement, TableBatch},
    plugin::{LookedUp, ReadLimits},
    runner::{
        deliver::{Commit, deliver},
        error::RunError,
        reading::BYTES_MAX,
        table::KeyTexts,
    },
};

/// Why a row is not written.
pub const UNREADABLE: &str = "its key has a value that the source's columns do not have";

/// A row that is to be written again, and the dead letters that it settles.
#[derive(Clone, Debug)]
pub struct Again {
    pub texts: KeyTexts,
    pub ids: Vec<u64>,
}

/// What came of them.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// Rows that the source does not have any more.
    pub gone: u64,
    /// The letters of rows that are committed.
    pub tried: Vec<u64>,
    /// Rows whose keys are none of the source's.
    pub unreadable: Vec<Again>,
}

/// Writes the rows of a table that have these keys. Their letters are settled with them, and `resolution` says how;
/// without it there are none.
pub async fn rewrite(
    opened: &Opened,
    table: &str,
    mut left: Vec<Again>,
    resolution: Option<&str>,
) -> Result<Rewritten, RunError> {
    let mut done = Rewritten::default();
    let (_, unreadable) = rows(opened, table, &left, None).await?;
    for place in unreadable.into_iter().rev() {
        done.unreadable.push(left.remove(place));
    }
    while !left.is_empty() {
        let found = look_up(opened, table, &left).await?;
        let rest = left.split_off(found.answered);
        let answered = std::mem::replace(&mut left, rest);
        let gone: Vec<_> =
            found.absent.iter().filter_map(|at| answered.get(*at).cloned()).collect();
        let ids: Vec<u64> = answered.into_iter().flat_map(|again| again.ids).collect();
        let mut tables = Vec::new();
        if !gone.is_empty() {
            tables.push(rows(opened, table, &gone, Some(Operation::Delete)).await?.0);
        }
        tables.extend(found.rows);
        let settlement = |resolution: &str| Settlement {
            ids: ids.clone(),
            status: Settlement::RESOLVED.to_owned(),
            resolution: resolution.to_owned(),
        };
        let (rejected, retry) = (found.rejected, resolution.map(settlement));
        deliver(&opened.writer, Commit { tables, rejected, retry, ..Commit::default() }).await?;
        done.gone += gone.len() as u64;
        done.tried.extend(ids);
    }
    Ok(done)
}

/// Keys as rows of their columns, and which of them have no such values.
async fn rows(
    opened: &Opened,
    table: &str,
    keys: &[Again],
    operation: Option<Operation>,
) -> Result<(TableBatch, Vec<usize>), RunError> {
    let unknown = || RunError::UnknownTable { table: table.to_owned() };
    let described = opened.described.get(table).ok_or_else(unknown)?;
    let tables = opened.writer.tables.lock().await;
    let keys: Vec<&KeyTexts> = keys.iter().map(|again| &again.texts).collect();
    tables.get(table).ok_or_else(unknown)?.key_rows(described, &keys, operation)
}

async fn look_up(opened: &Opened, table: &str, keys: &[Again]) -> Result<LookedUp, RunError> {
    let (asked, _) = rows(opened, table, keys, None).await?;
    let limits = ReadLimits {
        rows_max: u32::try_from(asked.row_count()).unwrap_or(u32::MAX),
        bytes_max: BYTES_MAX as u64,
        wait: Duration::ZERO,
    };
    let context = &opened.writer.context;
    let found = opened.source.lookup(context.name(), &asked, limits).await;
    let found = found.map_err(|error| error.about(table))?;
    found.ok_or_else(|| RunError::NoLookup {
        plugin: context.source.plugin.info.name.clone(),
        schema: context.name().to_owned(),
    })
}

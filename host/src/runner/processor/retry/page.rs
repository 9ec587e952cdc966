//! Some letters: their rows are looked up and committed, table by table.

use std::{collections::BTreeMap, time::Duration};

use super::{Retried, open::Opened};
use crate::{
    model::{KeptLetter, Operation, Settlement, TableBatch},
    plugin::{LookedUp, ReadLimits},
    runner::{
        deliver::{Commit, deliver},
        error::RunError,
        reading::BYTES_MAX,
        table::KeyTexts,
    },
};

const NO_KEY: &str =
    "its key is not known: it is from an older release, or its source could not tell it";
const OTHER_KEY: &str = "its key is none of those that the table has now";
const UNREADABLE: &str = "its key has a value that the source's columns do not have";

/// The letters of each key.
type Keys = BTreeMap<KeyTexts, Vec<u64>>;

/// Tries these letters again.
pub async fn retry(
    opened: &Opened,
    letters: Vec<KeptLetter>,
    resolution: &str,
    told: &mut Retried,
) -> Result<(), RunError> {
    let mut by_table: BTreeMap<String, Keys> = BTreeMap::new();
    for KeptLetter { id, table, key, .. } in letters {
        match read(opened, &table, key.as_deref()).await {
            Ok(texts) => {
                by_table.entry(table).or_default().entry(texts).or_default().push(id);
            }
            Err(why) => told.pass(&table, &why, 1),
        }
    }
    for (table, keys) in by_table {
        retry_table(opened, &table, keys, resolution, told).await?;
    }
    Ok(())
}

/// The key of a letter, or why there is none.
async fn read(opened: &Opened, table: &str, key: Option<&str>) -> Result<KeyTexts, String> {
    if let Some(why) = opened.why_not(table) {
        return Err(why.to_owned());
    }
    let key = key.ok_or(NO_KEY)?;
    let tables = opened.writer.tables.lock().await;
    Ok(tables.get(table).and_then(|table| table.read_key(key)).ok_or(OTHER_KEY)?)
}

async fn retry_table(
    opened: &Opened,
    table: &str,
    keys: Keys,
    resolution: &str,
    told: &mut Retried,
) -> Result<(), RunError> {
    let mut left: Vec<(KeyTexts, Vec<u64>)> = keys.into_iter().collect();
    let (_, unreadable) = rows(opened, table, &left, None).await?;
    for place in unreadable.into_iter().rev() {
        let (_, ids) = left.remove(place);
        told.pass(table, UNREADABLE, ids.len() as u64);
    }
    while !left.is_empty() {
        let found = look_up(opened, table, &left).await?;
        let rest = left.split_off(found.answered);
        let answered = std::mem::replace(&mut left, rest);
        let gone: Vec<_> =
            found.absent.iter().filter_map(|at| answered.get(*at).cloned()).collect();
        let ids: Vec<u64> = answered.into_iter().flat_map(|(_, ids)| ids).collect();
        let mut tables = Vec::new();
        if !gone.is_empty() {
            tables.push(rows(opened, table, &gone, Some(Operation::Delete)).await?.0);
        }
        tables.extend(found.rows);
        let settlement = Settlement {
            ids: ids.clone(),
            status: Settlement::RESOLVED.to_owned(),
            resolution: resolution.to_owned(),
        };
        let (rejected, retry) = (found.rejected, Some(settlement));
        deliver(&opened.writer, Commit { tables, rejected, retry, ..Commit::default() }).await?;
        told.gone += gone.len() as u64;
        told.tried(ids);
    }
    Ok(())
}

/// Keys as rows of their columns, and which of them have no such values.
async fn rows(
    opened: &Opened,
    table: &str,
    keys: &[(KeyTexts, Vec<u64>)],
    operation: Option<Operation>,
) -> Result<(TableBatch, Vec<usize>), RunError> {
    let unknown = || RunError::UnknownTable { table: table.to_owned() };
    let described = opened.described.get(table).ok_or_else(unknown)?;
    let tables = opened.writer.tables.lock().await;
    let keys: Vec<&KeyTexts> = keys.iter().map(|(texts, _)| texts).collect();
    tables.get(table).ok_or_else(unknown)?.key_rows(described, &keys, operation)
}

async fn look_up(
    opened: &Opened,
    table: &str,
    keys: &[(KeyTexts, Vec<u64>)],
) -> Result<LookedUp, RunError> {
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

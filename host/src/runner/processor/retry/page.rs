//! Some letters: their rows are looked up and committed, table by table.

use std::collections::BTreeMap;

use super::{
    super::{
        opened::Opened,
        rewrite::{Again, Rewritten, UNREADABLE, rewrite},
    },
    Retried,
};
use crate::{
    model::KeptLetter,
    runner::{error::RunError, table::KeyTexts},
};

const NO_KEY: &str =
    "its key is not known: it is from an older release, or its source could not tell it";
const OTHER_KEY: &str = "its key is none of those that the table has now";

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

/// Writes the rows of a table's letters.
async fn retry_table(
    opened: &Opened,
    table: &str,
    keys: Keys,
    resolution: &str,
    told: &mut Retried,
) -> Result<(), RunError> {
    let keys = keys.into_iter().map(|(texts, ids)| Again { texts, ids }).collect();
    let Rewritten { gone, tried, unreadable } =
        rewrite(opened, table, keys, Some(resolution)).await?;
    if !unreadable.is_empty() {
        let letters = unreadable.iter().map(|again| again.ids.len() as u64).sum();
        told.pass(table, UNREADABLE, letters);
    }
    told.gone += gone;
    told.tried(tried);
    Ok(())
}

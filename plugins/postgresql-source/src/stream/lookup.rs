//! Finds values that the log left out, where the destination may not have them.
//!
//! What is found is the value of now, maybe newer than the change, never older: the log has a commit
//! a moment before others see what it did, so that moment is waited for. That is right in the end: a later
//! change of it is in the log and is sent whole. A row that is not found has been deleted or has
//! another key by now, and the log says so later; until then what is missing of it is null.

use std::collections::BTreeMap;

use cartridge_warp_sdk::Failure;
use postgresql_client::large::ROW_BYTES_MAX;

use super::batch::Change;
use crate::catalog::server;
use crate::pgoutput::Field;
use crate::question::{Key, Question};
use crate::session::Session;

/// Keys in one query.
const KEYS_MAX: usize = 50;
/// What is looked up of a row may be as large as all else of it together (I7).
const ROW_FOUND_BYTES_MAX: u64 = ROW_BYTES_MAX as u64 / 2;
/// Rows of which more is missing are asked for one by one, so a query brings a few megabytes.
const SMALL_BYTES_MAX: u64 = 64 << 10;
/// What such rows bring to one batch, unless one alone brings more.
const BATCH_FOUND_BYTES_MAX: u64 = ROW_FOUND_BYTES_MAX;

/// Fills in what is missing, change by change, as much as one batch may have of it. How many changes are whole.
pub fn fill(session: &Session, changes: &mut [Change]) -> Result<usize, Failure> {
    let mut wanted = Vec::new();
    let mut transactions = Vec::new();
    for (at, change) in changes.iter().enumerate().filter(|(_, change)| change.look_up) {
        wanted.push(at);
        transactions.push(change.transaction);
    }
    transactions.dedup();
    server::wait_until_visible(session, &transactions)?;
    let mut bytes = 0;
    for some in wanted.chunks(KEYS_MAX) {
        let mut by_table: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for at in some {
            by_table.entry(changes[*at].fitting.table.oid).or_default().push(*at);
        }
        let mut large = BTreeMap::new();
        for places in by_table.into_values() {
            large.extend(fill_some(session, changes, &places, SMALL_BYTES_MAX)?);
        }
        for (at, size) in large {
            if bytes > 0 && bytes + size > BATCH_FOUND_BYTES_MAX {
                return Ok(at);
            }
            bytes += size;
            fill_some(session, changes, &[at], ROW_FOUND_BYTES_MAX)?;
        }
    }
    Ok(changes.len())
}

/// Fills in rows of one table of which no more is missing than that. Where a further query can bring more, the
/// others come back with their size.
fn fill_some(
    session: &Session,
    changes: &mut [Change],
    places: &[usize],
    bytes_max: u64,
) -> Result<Vec<(usize, u64)>, Failure> {
    let table = changes[places[0]].fitting.table.clone();
    let mut columns: Vec<usize> = places.iter().flat_map(|at| missing(&changes[*at])).collect();
    columns.sort_unstable();
    columns.dedup();
    let keys: Vec<Option<Key>> =
        places.iter().map(|at| key(&changes[*at]).filter(is_asked)).collect();
    let question = Question { table, columns, bytes_max };
    // Text that is none names no row that can travel.
    let asked: Vec<(usize, &Key)> = places
        .iter()
        .copied()
        .zip(&keys)
        .filter_map(|(at, key)| Some((at, key.as_ref()?)))
        .collect();
    let texts: Vec<&Key> = asked.iter().map(|(_, key)| *key).collect();
    let found = question.ask(session, &texts)?;
    let mut large = Vec::new();
    for at in places {
        changes[*at].look_up = false;
    }
    for (place, (at, _)) in asked.iter().enumerate() {
        let change = &mut changes[*at];
        let missing = missing(change);
        let Some(found) = found.get(&place) else {
            change.found = missing.into_iter().map(|column| (column, Field::Null)).collect();
            continue;
        };
        // Maybe by a column that only another row lacks.
        if found.bytes() > bytes_max && bytes_max < ROW_FOUND_BYTES_MAX {
            change.look_up = true;
            large.push((*at, found.bytes().min(ROW_FOUND_BYTES_MAX)));
            continue;
        }
        // A later change of the batch has more columns, or fewer, when the shape changed in between.
        let of = |column: &usize| question.columns.iter().position(|known| known == column);
        let field = |column: usize| Some((column, found.field(of(&column)?, bytes_max)));
        change.found = missing.into_iter().filter_map(field).collect();
    }
    Ok(large)
}

/// Columns whose value the log left out.
fn missing(change: &Change) -> Vec<usize> {
    let left_out = |(at, field): (usize, &Field)| {
        if *field == Field::Unchanged { change.fitting.columns[at] } else { None }
    };
    let sent = change.tuple.0.iter().enumerate();
    change.fitting.holes.iter().copied().chain(sent.filter_map(left_out)).collect()
}

fn key(change: &Change) -> Option<Key> {
    let text = |column: usize| match change.field(column)? {
        Field::Text(text) => Some(text.clone()),
        _ => None,
    };
    change.fitting.table.key_indices().into_iter().map(text).collect()
}

/// Text that is none names no row that can travel.
fn is_asked(key: &Key) -> bool {
    key.iter().all(|text| std::str::from_utf8(text).is_ok())
}

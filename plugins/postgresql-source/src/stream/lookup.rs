//! Finds values that the log left out, where the destination may not have them.
//!
//! What is found is the value of now, maybe newer than the change, never older: the log has a commit
//! a moment before others see what it did, so that moment is waited for. That is right in the end: a later
//! change of it is in the log and is sent whole. A row that is not found has been deleted or has
//! another key by now, and the log says so later; until then what is missing of it is null.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use cartridge_warp_sdk::Failure;
use postgresql_client::large::ROW_BYTES_MAX;
use postgresql_client::names;

use super::batch::Change;
use crate::catalog::{SourceTable, equality, server};
use crate::pgoutput::Field;
use crate::session::{CHANGED_MEANWHILE, Session, meanwhile, unexpected};

/// Keys in one query.
const KEYS_MAX: usize = 50;
/// A value that is looked up may be as large as all others of its row together.
const VALUE_BYTES_MAX: usize = ROW_BYTES_MAX / 2;

type Key = Vec<Bytes>;

/// Fills in what is missing.
pub fn fill(session: &Session, changes: &mut [Change]) -> Result<(), Failure> {
    let mut wanted: HashMap<u32, Vec<usize>> = HashMap::new();
    let mut transactions = Vec::new();
    for (at, change) in changes.iter().enumerate().filter(|(_, change)| change.look_up) {
        wanted.entry(change.fitting.table.oid).or_default().push(at);
        transactions.push(change.transaction);
    }
    transactions.dedup();
    server::wait_until_visible(session, &transactions)?;
    for places in wanted.into_values() {
        for places in places.chunks(KEYS_MAX) {
            fill_some(session, changes, places)?;
        }
    }
    Ok(())
}

/// Rows of one table.
fn fill_some(session: &Session, changes: &mut [Change], places: &[usize]) -> Result<(), Failure> {
    let table = changes[places[0]].fitting.table.clone();
    let mut columns: Vec<usize> = places.iter().flat_map(|at| missing(&changes[*at])).collect();
    columns.sort_unstable();
    columns.dedup();
    let keys: Vec<Option<Key>> = places.iter().map(|at| key(&changes[*at])).collect();
    let found = query(session, &table, &columns, keys.iter().flatten())?;
    // Where the server spells keys otherwise than the log, it cannot be told which rows are gone.
    let tells_gone = found.keys().all(|found| keys.iter().flatten().any(|key| key == found));
    for (at, key) in places.iter().zip(keys) {
        let missing = missing(&changes[*at]);
        let Some(key) = key.filter(is_asked) else { continue };
        let Some(values) = found.get(&key) else {
            if tells_gone {
                changes[*at].found =
                    missing.into_iter().map(|column| (column, Field::Null)).collect();
            }
            continue;
        };
        // A later change of the batch has more columns, or fewer, when the shape changed in between.
        let of = |column: &usize| columns.iter().position(|known| known == column);
        changes[*at].found = missing
            .into_iter()
            .filter_map(|column| Some((column, values[of(&column)?].clone())))
            .collect();
    }
    Ok(())
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

fn query<'k>(
    session: &Session,
    table: &SourceTable,
    columns: &[usize],
    keys: impl Iterator<Item = &'k Key>,
) -> Result<HashMap<Key, Vec<Field>>, Failure> {
    let key_columns = table.key_indices();
    let equalities = equality::operators(session, table)?;
    let equals = |at: &usize, text: &[u8]| {
        let column = &table.columns[*at];
        let operator = equalities.get(&column.number).map_or("pg_catalog.=", String::as_str);
        let text = std::str::from_utf8(text).ok()?;
        let (name, literal) = (names::quoted(&column.name), names::literal(text));
        Some(format!("{name} OPERATOR({operator}) {literal}::{}", column.formatted))
    };
    let row = |key: &Key| {
        let columns = key_columns.iter().zip(key).map(|(at, text)| equals(at, text));
        Some(format!("({})", columns.collect::<Option<Vec<_>>>()?.join(" AND ")))
    };
    let rows: Vec<String> = keys.filter_map(row).collect();
    if rows.is_empty() || columns.is_empty() {
        return Ok(HashMap::new());
    }
    let bytes_of = |at: &usize| as_bytes(&table.columns[*at].name);
    let held = |at: &usize| {
        let bytes = bytes_of(at);
        format!("CASE WHEN octet_length({bytes}) <= {VALUE_BYTES_MAX} THEN {bytes} END")
    };
    let length = |at: &usize| format!("octet_length({})", bytes_of(at));
    let wanted = key_columns.iter().map(bytes_of).chain(columns.iter().map(held));
    let wanted = wanted.chain(columns.iter().map(length));
    let wanted = wanted.chain([are_called(table, key_columns.iter().chain(columns))]);
    let sql = format!(
        "SELECT {} FROM {} WHERE {}",
        wanted.collect::<Vec<_>>().join(", "),
        table.qualified(),
        rows.join(" OR ")
    );
    let rows = session.connection().run(|client| client.query(&sql, &[])).map_err(meanwhile)?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        if !row.try_get(row.len() - 1).unwrap_or(false) {
            return Err(renamed(table));
        }
        let field = |at: usize| {
            let bytes: Option<&[u8]> = row.try_get(at).map_err(|_| unexpected("no bytes"))?;
            Ok(bytes.map(Bytes::copy_from_slice))
        };
        let key = (0..key_columns.len()).map(field).collect::<Result<Option<Key>, Failure>>()?;
        let value = |at: usize| {
            let length: Option<i32> =
                row.try_get(at + columns.len()).map_err(|_| unexpected("no length"))?;
            let too_large = Field::Cut(length.and_then(|length| u32::try_from(length).ok()));
            Ok(match (field(at)?, length) {
                (Some(text), _) => Field::Text(text),
                (None, Some(_)) => too_large,
                (None, None) => Field::Null,
            })
        };
        let values = (key_columns.len()..key_columns.len() + columns.len())
            .map(value)
            .collect::<Result<_, Failure>>()?;
        if let Some(key) = key {
            found.insert(key, values);
        }
    }
    Ok(found)
}

/// Whether the columns are still called so: a name may be another column's by now. The statement's lock keeps
/// that from changing under it.
fn are_called<'c>(table: &SourceTable, columns: impl Iterator<Item = &'c usize>) -> String {
    let pairs: BTreeMap<i16, &str> = columns
        .map(|at| &table.columns[*at])
        .map(|column| (column.number, column.name.as_str()))
        .collect();
    let listed: Vec<String> = pairs
        .iter()
        .map(|(number, name)| format!("({number}, {})", names::literal(name)))
        .collect();
    format!(
        "(SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {}::oid \
         AND (attnum, attname) IN ({}))",
        pairs.len(),
        table.oid,
        listed.join(", ")
    )
}

fn renamed(table: &SourceTable) -> Failure {
    Failure::reconnect(
        CHANGED_MEANWHILE,
        format!(
            "table {}: columns got other names a moment ago; the source is opened anew",
            table.qualified()
        ),
    )
}

/// A column as the bytes of its text, which is what the log has, whatever they are.
fn as_bytes(name: &str) -> String {
    let name = names::quoted(name);
    format!("CASE WHEN {name} IS DISTINCT FROM NULL THEN textsend(concat({name})) END")
}

//! What tables come to: rows by their keys, changed as a destination would change them.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::{Array, cast::AsArray, types::UInt8Type};

use super::{
    finding::{Broken, Checked},
    values::{Row, Text, texts},
};
use crate::{
    config::KitTable,
    model::{
        Operation, TableBatch,
        batch::{OP_COLUMN, UNCHANGED_COLUMN, is_reserved},
    },
};

/// The values of a key's columns, in the key's order.
pub type Key = Vec<Text>;

/// The rows of a table.
pub type Rows = BTreeMap<Key, Row>;

/// The tables of a case.
pub type State = BTreeMap<String, Rows>;

/// A row of a connector's answer: what it does, and the values that came with it.
#[derive(Debug)]
pub struct Change {
    pub operation: Operation,
    pub row: Row,
}

/// The key of a row.
pub fn key(table: &KitTable, row: &Row) -> Key {
    table.key.iter().map(|column| row.get(column).cloned().flatten()).collect()
}

/// Rows as a table by their keys.
pub fn keyed(table: &KitTable, rows: Vec<Row>) -> Rows {
    rows.into_iter().map(|row| (key(table, &row), row)).collect()
}

/// The rows of an answer in the case's types. Columns that the case does not know are left out.
pub fn changes(table: &KitTable, batch: &TableBatch) -> Checked<Vec<Change>> {
    let columns = &batch.columns;
    let operations = columns.column_by_name(OP_COLUMN);
    let operations = operations.and_then(|column| column.as_primitive_opt::<UInt8Type>());
    let mut changes: Vec<Change> = (0..columns.num_rows())
        .map(|row| Change {
            operation: operation(operations.map(|all| all.value(row))),
            row: Row::new(),
        })
        .collect();
    let unchanged = columns.column_by_name(UNCHANGED_COLUMN);
    let unchanged = unchanged.and_then(|column| column.as_binary_opt::<i32>());
    let data = columns.schema_ref().fields().iter().zip(columns.columns());
    let data = data.filter(|(field, _)| !is_reserved(field.name())).enumerate();
    for (position, (field, values)) in data {
        let Some(kind) = table.columns.get(field.name()) else { continue };
        let texts = texts(values, field, *kind).map_err(|seen| {
            let expected = format!("values of `{}` are {kind}", batch.table);
            Broken::new(&expected, &seen, "give the column the type that the case says")
        })?;
        for (row, (change, text)) in changes.iter_mut().zip(texts).enumerate() {
            let bits = unchanged.filter(|all| all.is_valid(row)).map(|all| all.value(row));
            let byte = bits.and_then(|bits| bits.get(position / 8)).copied().unwrap_or(0);
            if byte >> (position % 8) & 1 == 0 {
                change.row.insert(field.name().clone(), text);
            }
        }
    }
    Ok(changes)
}

fn operation(number: Option<u8>) -> Operation {
    let known = |operation: &Operation| Some(*operation as u8) == number;
    Operation::ALL.into_iter().find(known).unwrap_or(Operation::Insert)
}

/// Makes a change of a table's rows.
pub fn apply(table: &KitTable, rows: &mut Rows, change: Change) -> Checked {
    let key = key(table, &change.row);
    match change.operation {
        Operation::Truncate => rows.clear(),
        Operation::Delete => {
            rows.remove(&key);
        }
        Operation::Insert | Operation::Update | Operation::Snapshot => {
            let whole = table.columns.len() == change.row.len();
            let is_update = change.operation == Operation::Update;
            if is_update && !whole && !rows.contains_key(&key) {
                let seen = format!("{key:?} lacks a value and is in no row before");
                let advice = "send the whole row, or the changes in their order";
                return Err(Broken::new(
                    "an update that leaves values out follows its row",
                    &seen,
                    advice,
                ));
            }
            let row = rows.entry(key).or_default();
            row.extend(change.row);
            for column in table.columns.keys() {
                row.entry(column.clone()).or_default();
            }
        }
    }
    Ok(())
}

/// The first row in which two states differ, as each has it.
pub fn difference(expected: &State, seen: &State) -> Option<(String, String)> {
    let none = Rows::new();
    let tables: BTreeSet<&String> = expected.keys().chain(seen.keys()).collect();
    tables.into_iter().find_map(|table| {
        let expected = expected.get(table).unwrap_or(&none);
        let seen = seen.get(table).unwrap_or(&none);
        let keys: BTreeSet<&Key> = expected.keys().chain(seen.keys()).collect();
        let key = keys.into_iter().find(|key| expected.get(*key) != seen.get(*key))?;
        let shown = |rows: &Rows| match rows.get(key) {
            Some(row) => format!("`{table}` has the row {}", serde_json::json!(row)),
            None => format!("`{table}` has no row with the key {}", serde_json::json!(key)),
        };
        Some((shown(expected), shown(seen)))
    })
}

/// Passes where two states are one.
pub fn same(expected: &State, seen: &State, advice: &str) -> Checked {
    match difference(expected, seen) {
        None => Ok(()),
        Some((expected, seen)) => Err(Broken::new(&expected, &seen, advice)),
    }
}

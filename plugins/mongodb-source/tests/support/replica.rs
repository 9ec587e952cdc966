//! Tables as a destination keeps them: one row per key, the last operation wins, and rows are whole,
//! so a column that a row lacks is null.

use std::collections::BTreeMap;

use cartridge_warp_sdk::testing::Collected;
use cartridge_warp_sdk::{Operation, TableRows};

type Row = BTreeMap<String, String>;

/// Copies of tables with the key `_id`, as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replica {
    tables: BTreeMap<String, BTreeMap<String, Row>>,
}

impl Replica {
    pub fn apply(&mut self, collected: &Collected) {
        collected.batches.iter().for_each(|rows| self.apply_rows(rows));
    }

    pub fn apply_rows(&mut self, rows: &TableRows) {
        let table = self.tables.entry(rows.table().to_owned()).or_default();
        let id = rows.index_of("_id").unwrap();
        for row in 0..rows.len() {
            let key = rows.value(row, id).to_string();
            match rows.op(row) {
                Operation::Truncate => table.clear(),
                Operation::Delete => drop(table.remove(&key)),
                _ => {
                    let columns = rows.columns().iter().enumerate();
                    let value = |at: usize| rows.value(row, at).to_string();
                    let whole = columns.map(|(at, column)| (column.name.clone(), value(at)));
                    table.insert(key, whole.collect());
                }
            }
        }
    }

    /// The rows of a table as `column|column`, ordered by key as text.
    pub fn rows(&self, table: &str, columns: &[&str]) -> Vec<String> {
        let text = |row: &Row| {
            let value = |column: &&str| row.get(*column).map_or("null", String::as_str).to_owned();
            columns.iter().map(value).collect::<Vec<_>>().join("|")
        };
        self.tables.get(table).into_iter().flat_map(|rows| rows.values()).map(text).collect()
    }
}

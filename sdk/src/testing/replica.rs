//! What a destination would hold of a source's answers.

use std::collections::BTreeMap;

use super::Collected;
use crate::{Operation, TableRows};

type Row = BTreeMap<String, String>;

/// Copies of tables, each with one row per key, values as text: the last operation wins, and a value
/// that was not sent stays.
#[derive(Debug, PartialEq, Eq)]
pub struct Replica {
    key: String,
    whole_rows: bool,
    incomplete: usize,
    tables: BTreeMap<String, BTreeMap<String, Row>>,
}

impl Replica {
    /// For tables whose key is this column.
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), whole_rows: false, incomplete: 0, tables: BTreeMap::new() }
    }

    /// For a source with the capability `whole-rows`: a column that a row lacks has no value any more.
    #[must_use]
    pub fn whole_rows(mut self) -> Self {
        self.whole_rows = true;
        self
    }

    /// Applies what a source said, in order.
    ///
    /// # Panics
    /// When a batch lacks the key.
    pub fn apply(&mut self, collected: &Collected) {
        collected.batches.iter().for_each(|rows| self.apply_rows(rows));
    }

    /// Applies one batch.
    ///
    /// # Panics
    /// When it lacks the key.
    pub fn apply_rows(&mut self, rows: &TableRows) {
        let key = rows.index_of(&self.key);
        let key = key.unwrap_or_else(|| panic!("no `{}` in {:?}", self.key, rows.columns()));
        let table = self.tables.entry(rows.table().to_owned()).or_default();
        for row in 0..rows.len() {
            let key = rows.value(row, key).to_string();
            match rows.op(row) {
                Operation::Truncate => table.clear(),
                Operation::Delete => drop(table.remove(&key)),
                _ => {
                    let before = table.remove(&key);
                    let is_unchanged = |at: &usize| rows.is_unchanged(row, *at);
                    let unchanged = (0..rows.columns().len()).filter(is_unchanged).count();
                    self.incomplete += if before.is_none() { unchanged } else { 0 };
                    table.insert(key, merged(rows, row, before, self.whole_rows));
                }
            }
        }
    }

    /// The rows of a table as `column|column`, ordered by key as text; what is not there is `null`.
    pub fn rows(&self, table: &str, columns: &[&str]) -> Vec<String> {
        let text = |row: &Row| {
            let value = |column: &&str| row.get(*column).map_or("null", String::as_str).to_owned();
            columns.iter().map(value).collect::<Vec<_>>().join("|")
        };
        self.tables.get(table).into_iter().flat_map(|rows| rows.values()).map(text).collect()
    }

    /// Values that were said to be unchanged of rows that were not there: a destination could not
    /// have filled them.
    pub fn incomplete(&self) -> usize {
        self.incomplete
    }
}

fn merged(rows: &TableRows, row: usize, before: Option<Row>, whole_rows: bool) -> Row {
    let mut before = before.unwrap_or_default();
    let mut after = if whole_rows { Row::new() } else { before.clone() };
    for (at, column) in rows.columns().iter().enumerate() {
        let value = match rows.is_unchanged(row, at) {
            true => before.remove(&column.name),
            false => Some(rows.value(row, at).to_string()),
        };
        after.extend(value.map(|value| (column.name.clone(), value)));
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnType, Table, TableWriter};

    /// Each row with its operation; None is what was not sent.
    fn collected(columns: &[&str], rows: &[(Operation, &[Option<&str>])]) -> Collected {
        let table = columns
            .iter()
            .fold(Table::new("t"), |table, &name| table.column(name, ColumnType::String));
        let mut writer = TableWriter::changes(&table.key(["id"]));
        for (operation, values) in rows {
            let mut row = writer.row(*operation);
            for (at, value) in values.iter().enumerate() {
                match value {
                    Some(value) => row.set(at, *value).unwrap(),
                    None => row.unchanged(at).unwrap(),
                }
            }
            row.commit();
        }
        Collected { batches: vec![writer.finish().unwrap()], ..Collected::default() }
    }

    #[test]
    fn the_last_operation_wins_and_values_that_were_not_sent_stay() {
        use Operation::{Delete, Insert, Update};
        let first = collected(
            &["id", "a", "b"],
            &[
                (Insert, &[Some("1"), Some("x"), Some("y")]),
                (Insert, &[Some("2"), Some("x"), Some("y")]),
                (Update, &[Some("1"), Some("z"), None]),
                (Delete, &[Some("2"), Some(""), Some("")]),
                (Update, &[Some("3"), None, Some("w")]),
            ],
        );
        let second = collected(&["id", "a"], &[(Update, &[Some("1"), Some("v")])]);
        for (replica, then) in [
            (Replica::new("id"), ["v|y", "null|w"]),
            (Replica::new("id").whole_rows(), ["v|null", "null|w"]),
        ] {
            let mut replica = replica;
            replica.apply(&first);
            assert_eq!(replica.rows("t", &["a", "b"]), ["z|y", "null|w"]);
            assert_eq!(replica.incomplete(), 1);
            replica.apply(&second);
            assert_eq!(replica.rows("t", &["a", "b"]), then);
        }
        let mut replica = Replica::new("id");
        replica.apply(&first);
        replica.apply(&collected(&["id"], &[(Operation::Truncate, &[Some("")])]));
        assert!(replica.rows("t", &["id"]).is_empty());
    }
}

//! What is known of a table: its columns, key, and whether its files are a log of changes.

mod guess;
pub mod names;

use std::collections::{BTreeMap, HashMap};

use cartridge_warp_sdk::{Column, ColumnType, Failure, Table};

pub use guess::Guess;

use crate::options::Options;

/// The field that says what a row does; it is no column.
pub const OP_FIELD: &str = "_op";
/// The field with the commit time; it is no column.
pub const TS_FIELD: &str = "_ts";
/// Columns of one table; what is beyond is a damaged file rather than a table.
pub const COLUMNS_MAX: usize = 2_000;

/// A table's shape as known so far; it only grows.
#[derive(Debug, Clone)]
pub struct Shape {
    table: Table,
    index: HashMap<String, usize>,
    /// So many columns have the type that the operator named; they are the first ones.
    declared: usize,
    /// Rows carry `_op`: the files are a log of changes, and none of it is a snapshot.
    pub change_log: bool,
    /// What a record of the sample took on average, its line feed included.
    pub record_bytes: Option<u64>,
    /// Of the sample's rows that cannot be read the first, and why.
    pub unreadable: Option<String>,
    /// The key that the operator named.
    configured_key: Option<Vec<String>>,
}

impl Shape {
    /// A table of which only the declared columns are known.
    pub fn declared(name: &str, options: &Options) -> Self {
        let mut shape = Self {
            table: Table::new(name),
            index: HashMap::new(),
            declared: 0,
            change_log: false,
            record_bytes: None,
            unreadable: None,
            configured_key: options.keys.get(name).cloned(),
        };
        for (column, column_type) in options.declared(name) {
            shape.add(Column::new(column, column_type.clone()));
        }
        shape.declared = shape.table.columns.len();
        shape.choose_key();
        shape
    }

    /// Adds what a sample showed, in the order in which it showed it. A column that has no value there has
    /// none yet, and gets its type with the first one.
    pub fn learn(&mut self, guesses: &[(String, Guess)]) {
        for (name, guess) in guesses {
            let column = match guess.column_type() {
                Some(column_type) => Column::new(name, column_type),
                None => Column::new(name, ColumnType::String).unseen(),
            };
            match self.index_of(name) {
                None => self.add(column),
                Some(at) if self.is_unseen(at) => self.table.columns[at] = column,
                Some(_) => {}
            }
        }
        self.choose_key();
    }

    /// Adds a column; `_op` and `_ts` are none, but `_op` makes the table a log of changes.
    fn add(&mut self, column: Column) {
        match column.name.as_str() {
            OP_FIELD => self.change_log = true,
            TS_FIELD => {}
            _ => {
                self.index.insert(column.name.clone(), self.table.columns.len());
                self.table.columns.push(column);
            }
        }
    }

    /// Gives the key its type also where no value of it was seen: without one the host waits with a new
    /// table for the next announcement.
    pub fn settle_key(&mut self) {
        let key = &self.table.key;
        let columns = self.table.columns.iter_mut();
        columns
            .filter(|column| key.contains(&column.name))
            .for_each(|column| column.unseen = false);
    }

    /// The configured key, else `id`, else `_id`.
    fn choose_key(&mut self) {
        let usual = || ["id", "_id"].iter().find(|name| self.index.contains_key(**name));
        self.table.key = match &self.configured_key {
            Some(key) => key.clone(),
            None => usual().map(|name| vec![(*name).to_owned()]).unwrap_or_default(),
        };
    }

    /// Refuses a configured key that no row has.
    pub fn check_key(&self) -> Result<(), Failure> {
        let Some(column) = self.table.key.iter().find(|name| self.index_of(name).is_none()) else {
            return Ok(());
        };
        let name = &self.table.name;
        Err(Failure::config(
            "unknown-key",
            format!(
                "`options.keys.{name}` names {column:?}, which none of the table's first rows has; \
                 correct it, or declare the column under `options.columns.{name}`"
            ),
        ))
    }

    /// The table as the host sees it.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The columns of which no value was seen.
    pub fn unseen(&self) -> Vec<String> {
        let unseen = self.table.columns.iter().filter(|column| column.unseen);
        unseen.map(|column| column.name.clone()).collect()
    }

    /// The columns with their types as text, for a chunk's descriptor.
    pub fn columns(&self) -> Vec<(String, String)> {
        let columns = self.table.columns.iter();
        columns.map(|column| (column.name.clone(), column.column_type.to_string())).collect()
    }

    /// The place of a column; `hint` is where it probably is.
    pub fn find(&self, name: &str, hint: usize) -> Option<usize> {
        match self.table.columns.get(hint) {
            Some(column) if column.name == name => Some(hint),
            _ => self.index_of(name),
        }
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// Whether the table has a column of the name.
    pub fn has(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    /// Whether no value of a column was seen.
    pub fn is_unseen(&self, column: usize) -> bool {
        self.table.columns[column].unseen
    }

    /// Whether the operator named a column's type.
    pub fn is_declared(&self, column: usize) -> bool {
        column < self.declared
    }

    /// The type of a column.
    pub fn column_type(&self, column: usize) -> &ColumnType {
        &self.table.columns[column].column_type
    }
}

/// Shapes of one connection by table.
pub type Shapes = BTreeMap<String, Shape>;

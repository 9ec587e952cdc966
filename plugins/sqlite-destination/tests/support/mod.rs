//! A destination on a database file of its own.

// Each test file uses its own part of this.
#![allow(dead_code, unused_imports)]

use std::path::{Path, PathBuf};

pub use cartridge_warp_sdk::Operation::{Delete, Insert, Truncate, Update};
use cartridge_warp_sdk::testing::sql::{self, Bench, Words};
pub use cartridge_warp_sdk::testing::sql::{append, marker, orders, rows, soft, upsert};
use cartridge_warp_sdk::{Config, Destination, Failure, parse_options};
use sqlite_destination::SqliteDestination;

/// A claimed schema `shop`.
pub type Bed = sql::Bed<File>;

/// A database file.
pub struct File {
    pub destination: SqliteDestination,
    pub path: PathBuf,
    directory: Option<tempfile::TempDir>,
}

impl Bench for File {
    type Destination = SqliteDestination;

    const WORDS: Words = Words {
        key: "INTEGER",
        price: "TEXT",
        yes: "1",
        no: "0",
        noon: "2024-05-01T12:00:00.000000Z",
    };

    fn new(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = Self::open(&directory.path().join("copy.db"), options);
        Self { directory: Some(directory), ..file }
    }

    fn connect(&self) -> SqliteDestination {
        connect(&self.path, "{}").unwrap()
    }

    fn destination(&mut self) -> &mut SqliteDestination {
        &mut self.destination
    }

    fn run(&self, sql: &str) {
        rusqlite::Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }

    fn query(&self, sql: &str) -> Vec<String> {
        query(&self.path, sql)
    }

    fn metadata(&self, table: &str) -> String {
        format!("cartridge_warp_metadata_{table}")
    }
}

impl File {
    pub fn open(path: &Path, options: &str) -> Self {
        let destination = connect(path, options).unwrap();
        Self { destination, path: path.to_owned(), directory: None }
    }
}

pub fn connect(path: &Path, options: &str) -> Result<SqliteDestination, Failure> {
    let options = parse_options(options)?;
    let text = path.to_str().unwrap();
    SqliteDestination::connect(Config::new(text, options).grant("connection_string", text, true))
}

pub fn query(path: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let text = |row: &rusqlite::Row<'_>| {
        let cell = |at| match row.get_ref(at).unwrap() {
            rusqlite::types::ValueRef::Null => "null".to_owned(),
            rusqlite::types::ValueRef::Integer(value) => value.to_string(),
            rusqlite::types::ValueRef::Real(value) => format!("{value:?}"),
            rusqlite::types::ValueRef::Text(value) => String::from_utf8(value.to_vec()).unwrap(),
            rusqlite::types::ValueRef::Blob(value) => format!("{value:?}"),
        };
        Ok((0..columns).map(cell).collect::<Vec<_>>().join("|"))
    };
    statement.query_map([], text).unwrap().map(Result::unwrap).collect()
}

//! A destination on a database file of its own, and short words for rows.

// Each test file uses its own part of this.
#![allow(dead_code, unused_imports)]

use std::path::{Path, PathBuf};

use cartridge_warp_sdk::{
    ColumnType, Config, Deletion, Destination, Failure, Marker, Operation, Table, TablePlan,
    TableRows, TableWriter, WriteMode, WriteOutcome, WriteRequest, parse_options,
};
use serde_json::Value;
use sqlite_destination::SqliteDestination;

pub use Operation::{Delete, Insert, Truncate, Update};

/// A file, its destination, and a claimed schema `shop`.
pub struct Bed {
    pub destination: SqliteDestination,
    pub epoch: u64,
    pub path: PathBuf,
    _directory: Option<tempfile::TempDir>,
}

impl Bed {
    pub fn new(options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("copy.db");
        let mut bed = Self::at(&path, options);
        bed._directory = Some(directory);
        bed
    }

    pub fn at(path: &Path, options: &str) -> Self {
        let mut destination = connect(path, options).unwrap();
        destination.create_schema_if_not_exists("shop").unwrap();
        let epoch = destination.claim_schema("shop", "test").unwrap();
        Self { destination, epoch, path: path.to_owned(), _directory: None }
    }

    pub fn plan(&mut self, plan: &TablePlan) -> Result<(), Failure> {
        self.destination.create_table_if_not_exists("shop", plan, self.epoch)
    }

    pub fn write(&mut self, tables: Vec<TableRows>) -> Result<WriteOutcome, Failure> {
        let request = self.request(tables);
        self.destination.write_batch(request)
    }

    pub fn request(&self, tables: Vec<TableRows>) -> WriteRequest {
        WriteRequest {
            schema: "shop".to_owned(),
            clear_tables: Vec::new(),
            tables,
            dead_letters: Vec::new(),
            markers: vec![marker("stream", b"p")],
            epoch: self.epoch,
            dead_letter_rejected: true,
        }
    }

    /// Rows of a query as text, columns separated by `|`.
    pub fn query(&self, sql: &str) -> Vec<String> {
        query(&self.path, sql)
    }

    /// Runs SQL as the operator would.
    pub fn run(&self, sql: &str) {
        rusqlite::Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
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

pub fn marker(stream: &str, value: &[u8]) -> Marker {
    Marker { stream: stream.to_owned(), value: Some(value.to_vec()) }
}

/// `orders(id bigint, name string, price decimal(10,2))` with key `id`.
pub fn orders() -> Table {
    Table::new("orders")
        .column("id", ColumnType::BigInt)
        .column("name", ColumnType::String)
        .column("price", ColumnType::Decimal { precision: 10, scale: 2 })
        .key(["id"])
}

pub fn upsert(table: &Table) -> TablePlan {
    TablePlan {
        name: table.name.clone(),
        columns: table.columns.clone(),
        key: table.key.clone(),
        write_mode: WriteMode::Upsert,
        deletion: Deletion::Hard,
    }
}

pub fn append(table: &Table) -> TablePlan {
    TablePlan { write_mode: WriteMode::Append, ..upsert(table) }
}

pub fn soft(table: &Table) -> TablePlan {
    TablePlan { deletion: Deletion::Soft { column: "is_deleted".to_owned() }, ..upsert(table) }
}

/// Rows from JSON objects; the value `"~"` stands for one that the source did not send.
pub fn rows(table: &Table, rows: &[(Operation, Value)]) -> TableRows {
    let mut writer = TableWriter::changes(table);
    for (operation, object) in rows {
        let mut row = writer.row(*operation);
        for (name, value) in object.as_object().unwrap() {
            if value == "~" {
                row.unchanged(name.as_str()).unwrap();
            } else {
                row.set_json(name.as_str(), value).unwrap();
            }
        }
        row.at(1_714_564_800_000_000).commit();
    }
    writer.finish().unwrap()
}

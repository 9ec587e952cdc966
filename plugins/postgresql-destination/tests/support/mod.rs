//! A destination on a database of its own, and short words for rows.

// Each test file uses its own part of this.
#![allow(dead_code, unused_imports)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use cartridge_warp_sdk::{
    ColumnType, Config, Deletion, Destination, Failure, Marker, Operation, Table, TablePlan,
    TableRows, TableWriter, WriteMode, WriteOutcome, WriteRequest, parse_options,
};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_destination::PostgresqlDestination;
use serde_json::Value;

pub use Operation::{Delete, Insert, Truncate, Update};

/// The server of this process.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&[]))
}

/// A database, its destination, and a claimed schema `shop`.
pub struct Bed {
    pub destination: PostgresqlDestination,
    pub epoch: u64,
    pub database: String,
}

impl Bed {
    pub fn new(options: &str) -> Self {
        Self::at(&new_database(), options)
    }

    pub fn at(database: &str, options: &str) -> Self {
        let mut destination = connect(&cluster().url(database), options).unwrap();
        destination.create_schema_if_not_exists("shop").unwrap();
        let epoch = destination.claim_schema("shop", "test").unwrap();
        Self { destination, epoch, database: database.to_owned() }
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

    /// Rows of a query as text, columns separated by `|`; tables are those of `shop`.
    pub fn query(&self, sql: &str) -> Vec<String> {
        cluster().sql(&self.database, &format!("SET search_path = shop, public; {sql}"))
    }

    /// Runs SQL as the operator would.
    pub fn run(&self, sql: &str) {
        self.query(sql);
    }
}

/// An empty database.
pub fn new_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    cluster().create_database(&name);
    name
}

pub fn connect(url: &str, options: &str) -> Result<PostgresqlDestination, Failure> {
    PostgresqlDestination::connect(Config::new(url, parse_options(options)?))
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

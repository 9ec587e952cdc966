//! A destination on a database of its own.

// Each test file uses its own part of this.
#![allow(dead_code, unused_imports)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub use cartridge_warp_sdk::Operation::{Delete, Insert, Truncate, Update};
use cartridge_warp_sdk::testing::sql::{self, Bench, Words};
pub use cartridge_warp_sdk::testing::sql::{append, marker, orders, rows, soft, upsert};
use cartridge_warp_sdk::{Config, Destination, Failure, parse_options};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_destination::PostgresqlDestination;

/// A claimed schema `shop`.
pub type Bed = sql::Bed<Database>;

/// The server of this process.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&[]))
}

/// A database of the server's.
pub struct Database {
    pub destination: PostgresqlDestination,
    pub name: String,
}

impl Bench for Database {
    type Destination = PostgresqlDestination;

    const WORDS: Words = Words {
        key: "BIGINT",
        price: "NUMERIC",
        yes: "t",
        no: "f",
        noon: "2024-05-01 12:00:00+00",
    };

    fn new(options: &str) -> Self {
        Self::open(&new_database(), options)
    }

    fn connect(&self) -> PostgresqlDestination {
        connect(&cluster().url(&self.name), "{}").unwrap()
    }

    fn destination(&mut self) -> &mut PostgresqlDestination {
        &mut self.destination
    }

    fn run(&self, sql: &str) {
        self.query(sql);
    }

    fn query(&self, sql: &str) -> Vec<String> {
        cluster().sql(&self.name, &format!("SET search_path = shop, public; {sql}"))
    }

    fn metadata(&self, table: &str) -> String {
        format!("cartridge_warp_metadata.{table}")
    }
}

impl Database {
    pub fn open(name: &str, options: &str) -> Self {
        let destination = connect(&cluster().url(name), options).unwrap();
        Self { destination, name: name.to_owned() }
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

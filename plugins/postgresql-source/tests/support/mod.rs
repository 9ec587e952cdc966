//! A server for the tests of one binary, a database for each test, and a copy of its tables that is
//! kept as a destination would keep it.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cartridge_warp_sdk::testing::{Collected, Driver};
use cartridge_warp_sdk::{ChangeBatch, Config, Failure, Limits, Source};
use cartridge_warp_test_postgresql::Cluster;
use postgresql_source::{Options, PostgresqlSource};

pub use cartridge_warp_sdk::testing::{Replica, assert_failure};

/// What a server needs for logical decoding.
pub const LOGICAL: [(&str, &str); 3] =
    [("wal_level", "logical"), ("max_replication_slots", "50"), ("max_prepared_transactions", "5")];

pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&LOGICAL))
}

/// Text with a byte that is no character of Windows' western encoding.
pub const NO_TEXT: &str = "convert_from('\\x6181'::bytea, 'SQL_ASCII')";

/// A database of the shared server.
pub struct Database {
    pub name: String,
    pub options: Options,
}

impl Database {
    /// Makes an empty database.
    pub fn new(name: &str) -> Self {
        cluster().create_database(name);
        Self { name: name.to_owned(), options: Options::default() }
    }

    /// Of Windows' western encoding, which has room for bytes that are no character.
    pub fn western(name: &str) -> Self {
        let encoding = "ENCODING 'WIN1252' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
        cluster().sql("postgres", &format!("CREATE DATABASE {name} {encoding}"));
        Self { name: name.to_owned(), options: Options::default() }
    }

    /// With options as JSON.
    pub fn with(name: &str, options: &str) -> Self {
        Self { options: serde_json::from_str(options).unwrap(), ..Self::new(name) }
    }

    pub fn sql(&self, sql: &str) -> Vec<String> {
        cluster().sql(&self.name, sql)
    }

    pub fn connect(&self) -> Result<PostgresqlSource, Failure> {
        PostgresqlSource::connect(Config::new(cluster().url(&self.name), self.options.clone()))
    }

    /// Opened as the host opens it.
    pub fn source(&self) -> PostgresqlSource {
        self.driver().source
    }

    pub fn driver(&self) -> Driver<PostgresqlSource> {
        let mut driver = Driver::new(self.connect().unwrap(), "public").limits(limits(1000));
        driver.open().unwrap();
        driver
    }

    /// The slot's confirmed position.
    pub fn confirmed(&self) -> String {
        self.sql(&format!(
            "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = '{}'",
            self.name
        ))
        .remove(0)
    }
}

pub fn limits(rows_max: usize) -> Limits {
    Limits { rows_max, ..Limits::default() }
}

/// Reads changes until there are none for a moment; the log's end is not on disk at once.
pub fn follow(driver: &mut Driver<PostgresqlSource>, after: &[u8]) -> Collected {
    driver.follow(after, Duration::from_millis(700)).unwrap()
}

/// Whether a batch ends the transaction that the last one ended within: it may have no rows then.
pub fn ends(was_within: bool, batch: &ChangeBatch) -> bool {
    was_within && !batch.within_transaction
}

/// An empty copy of tables.
pub fn replica() -> Replica {
    Replica::new("id")
}

//! A server for the tests of one binary, a database for each test, and a copy of its collections that
//! is kept as a destination would keep it.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

pub mod script;

use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use cartridge_warp_sdk::testing::{Collected, Driver};
use cartridge_warp_sdk::{Config, Failure, Limits, Source};
use cartridge_warp_test_mongodb::bson::{Document, doc};
use cartridge_warp_test_mongodb::{Server, Settings};
use mongodb_source::{MongodbSource, Options};

pub use cartridge_warp_sdk::testing::{Replica, assert_failure};

/// The shared server; it stays until the process ends.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(Settings::default()))
}

/// A database of a server.
pub struct Database {
    pub name: String,
    pub url: String,
    pub options: Options,
    pub settings: Vec<(String, String)>,
}

impl Database {
    /// An empty database of the shared server.
    pub fn new(name: &str) -> Self {
        Self::at(name, server().url(name))
    }

    /// A database behind any URL.
    pub fn at(name: &str, url: String) -> Self {
        Self { name: name.to_owned(), url, options: Options::default(), settings: Vec::new() }
    }

    /// With options as JSON.
    pub fn with(name: &str, options: &str) -> Self {
        Self { options: serde_json::from_str(options).unwrap(), ..Self::new(name) }
    }

    /// With a key of the source's section.
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn run(&self, command: Document) -> Document {
        server().run(&self.name, command)
    }

    pub fn insert(&self, collection: &str, documents: &[Document]) {
        server().insert(&self.name, collection, documents);
    }

    pub fn update(&self, collection: &str, filter: Document, change: Document) {
        let update = doc! { "q": filter, "u": change, "multi": false };
        self.run(doc! { "update": collection, "updates": [update] });
    }

    pub fn delete(&self, collection: &str, filter: Document) {
        self.run(doc! { "delete": collection, "deletes": [{ "q": filter, "limit": 0 }] });
    }

    pub fn connect(&self) -> Result<MongodbSource, Failure> {
        let mut config = Config::new(self.url.clone(), self.options.clone());
        config.settings = self.settings.clone();
        MongodbSource::connect(config)
    }

    /// Opened as the host opens it.
    pub fn source(&self) -> MongodbSource {
        let mut source = self.connect().unwrap();
        let tables = source.get_schema(&self.name).unwrap();
        let tables: Vec<String> = tables.into_iter().map(|table| table.name).collect();
        source.select_tables(&self.name, &tables).unwrap();
        source
    }

    pub fn driver(&self) -> Driver<MongodbSource> {
        Driver::new(self.source(), self.name.clone()).limits(limits(1000))
    }
}

pub fn limits(rows_max: usize) -> Limits {
    Limits { rows_max, ..Limits::default() }
}

/// Reads changes until there are none for a moment.
pub fn follow(driver: &mut Driver<MongodbSource>, after: &[u8]) -> Collected {
    try_follow(driver, after).unwrap()
}

/// The same, for tests that expect a failure.
pub fn try_follow(driver: &mut Driver<MongodbSource>, after: &[u8]) -> Result<Collected, Failure> {
    driver.follow(after, Duration::ZERO)
}

/// An empty copy of collections.
pub fn replica() -> Replica {
    Replica::new("_id").whole_rows()
}

/// Changes of shape in short, such as `add_table orders`. A table that begins is there once: servers of 6.0
/// and newer tell of its making, too, and then the source announces it twice.
pub fn shapes(collected: &Collected) -> Vec<String> {
    let change = |change: &cartridge_warp_sdk::SchemaChange| {
        format!("{} {}", change.kind.as_str(), change.table)
    };
    let mut changes: Vec<String> = collected.schema_changes.iter().map(change).collect();
    changes.dedup();
    changes
}

//! A MongoDB server, a PostgreSQL server, and a pipeline between them.

use cartridge_warp_test_mongodb::{
    Server, Settings,
    bson::{Bson, doc},
};
use cartridge_warp_test_postgresql::Cluster;
use cartridge_warp_tests::Pipeline;
use serde_json::{Value, json};

use super::compare::{Row, difference};

/// The database at the source, the schema at the destination.
pub const SCHEMA: &str = "shop";
const DATABASE: &str = "warehouse";

/// A source and a destination.
pub struct Servers {
    pub source: Server,
    pub destination: Cluster,
}

impl Servers {
    /// Two empty servers.
    pub fn start(settings: Settings) -> Self {
        let source = Server::start(settings);
        let destination = Cluster::start(&[]);
        destination.create_database(DATABASE);
        Self { source, destination }
    }

    /// A pipeline that reads the source under this URL, and tries again soon and for as long as a
    /// test lasts.
    pub fn pipeline(&self, source: &str) -> Pipeline {
        let mut pipeline = Pipeline::new();
        let side =
            |kind: &str, url: &str| -> Value { json!({"type": kind, "connection_string": url}) };
        pipeline.set("single_schema_name", json!(SCHEMA));
        pipeline.set("source", side("mongodb", source));
        pipeline.set("destination", side("postgresql", &self.destination.url(DATABASE)));
        pipeline.set("schemas", json!([{"name": SCHEMA, "default_polling_interval": 0.05}]));
        pipeline.set("error_handling.max_retries", json!(1000));
        pipeline.set("error_handling.max_backoff_seconds", json!(0.2));
        pipeline
    }

    /// The collections of the schema.
    pub fn collections(&self) -> Vec<String> {
        let list = doc! {"listCollections": 1, "nameOnly": true};
        let answer = self.source.run(SCHEMA, list);
        let batch = answer.get_document("cursor").unwrap().get_array("firstBatch").unwrap();
        let name = |each: &Bson| each.as_document().unwrap().get_str("name").unwrap().to_owned();
        batch.iter().map(name).collect()
    }

    /// The rows of a table.
    pub fn rows(&self, table: &str) -> Vec<Row> {
        let columns = format!(
            "SELECT string_agg(format('%I::text', column_name), ', ' ORDER BY ordinal_position)
             FROM information_schema.columns
             WHERE table_schema = '{SCHEMA}' AND table_name = '{table}'"
        );
        let columns = self.at_destination(&columns);
        if columns == ["null"] {
            return Vec::new();
        }
        let columns = columns.concat();
        let rows = format!("SELECT row_to_json(t) FROM (SELECT {columns} FROM {SCHEMA}.{table}) t");
        let rows = self.at_destination(&rows);
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    /// Runs SQL at the destination.
    pub fn at_destination(&self, sql: &str) -> Vec<String> {
        self.destination.sql(DATABASE, sql)
    }

    /// The first difference between the two sides.
    pub fn difference(&self) -> Option<String> {
        let mut collections = self.collections();
        collections.sort();
        assert!(!collections.is_empty(), "there is nothing to compare");
        collections.iter().find_map(|name| {
            let documents = self.source.find(SCHEMA, name, doc! {});
            let found = difference(&documents, &self.rows(name))?;
            Some(format!("{name}: {found}"))
        })
    }
}

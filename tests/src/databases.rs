//! Two PostgreSQL servers, a pipeline between them, and whether they hold the same.

use std::process::Stdio;

use cartridge_warp_test_postgresql::Cluster;
use serde_json::{Value, json};

use crate::Pipeline;

/// The database on both servers.
const DATABASE: &str = "shop";

/// A source and a destination.
pub struct Databases {
    pub source: Cluster,
    pub destination: Cluster,
}

impl Databases {
    /// Two empty servers.
    pub fn start() -> Self {
        let source = Cluster::start(&[("wal_level", "logical")]);
        let destination = Cluster::start(&[]);
        source.create_database(DATABASE);
        destination.create_database(DATABASE);
        Self { source, destination }
    }

    /// A pipeline that copies schema `public`.
    pub fn pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::new();
        pipeline.set("single_schema_name", json!("public"));
        pipeline.set("source", postgresql(self.source_url()));
        pipeline.set("destination", self.destination_config());
        pipeline.set("schemas", json!([{"name": "public", "default_polling_interval": 0.05}]));
        pipeline
    }

    /// The destination in a configuration.
    pub fn destination_config(&self) -> Value {
        postgresql(self.destination_url())
    }

    /// Runs SQL at the source.
    pub fn at_source(&self, sql: &str) -> Vec<String> {
        self.source.sql(DATABASE, sql)
    }

    /// Runs SQL at the destination.
    pub fn at_destination(&self, sql: &str) -> Vec<String> {
        self.destination.sql(DATABASE, sql)
    }

    /// What SQL answers at the destination; none where it fails.
    pub fn try_at_destination(&self, sql: &str) -> Option<Vec<String>> {
        self.destination.try_sql(DATABASE, sql).ok()
    }

    /// The connection strings of the database on either side.
    pub fn source_url(&self) -> String {
        self.source.url(DATABASE)
    }

    pub fn destination_url(&self) -> String {
        self.destination.url(DATABASE)
    }

    /// Copies a table by the servers' own COPY, from one `psql` to another.
    pub fn copy(&self, from: &str, to: &str) {
        let psql = |cluster: &Cluster, sql: String| {
            let mut psql = cluster.program("psql");
            psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", DATABASE, "-c", &sql]);
            psql
        };
        let out = format!("COPY {from} TO STDOUT (FORMAT binary)");
        let mut out = psql(&self.source, out).stdout(Stdio::piped()).spawn().expect("psql runs");
        let rows = out.stdout.take().expect("piped");
        let mut into = psql(&self.destination, format!("COPY {to} FROM STDIN (FORMAT binary)"));
        let copied = into.stdin(rows).status().expect("psql runs");
        assert!(copied.success() && out.wait().expect("psql ends").success(), "COPY failed");
    }

    /// Fills pgbench's tables; each gets a key.
    pub fn initialise_pgbench(&self, scale: u32) {
        let mut pgbench = self.source.program("pgbench");
        let made = pgbench.args(["-i", "-q", "-s", &scale.to_string(), DATABASE]).output();
        let made = made.expect("pgbench runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        self.at_source("ALTER TABLE pgbench_history ADD COLUMN id bigserial PRIMARY KEY");
    }

    /// Starts pgbench with its own transactions: four clients, at most this many a second in all.
    pub fn pgbench(&self, transactions_per_second: u32) -> Workload {
        let mut pgbench = self.source.program("pgbench");
        pgbench.args(["-n", "-c", "4", "-j", "1", "-T", "3600"]);
        pgbench.args(["-R", &transactions_per_second.to_string(), DATABASE]);
        pgbench.stdout(Stdio::null()).stderr(Stdio::null());
        Workload(pgbench.spawn().expect("pgbench runs"))
    }

    /// The first table of schema `public` that differs.
    pub fn difference(&self) -> Option<String> {
        self.differences().into_iter().next()
    }

    /// The tables of schema `public` that differ, each with how.
    pub fn differences(&self) -> Vec<String> {
        let sql = "SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY \
                   ordinal_position) FROM information_schema.columns WHERE table_schema = \
                   'public' AND is_generated = 'NEVER' GROUP BY 1 ORDER BY 1";
        let tables = self.at_source(sql);
        assert!(!tables.is_empty(), "there is nothing to compare");
        let differs = |table: &String| {
            let (table, columns) = table.split_once('|').expect("two columns");
            let rows = format!("SELECT row({columns})::text AS r FROM public.{table}");
            let sums = format!(
                "SELECT count(*), md5(coalesce(string_agg(r, E'\\n' ORDER BY r), '')) FROM ({rows}) t"
            );
            let (want, have) = (self.at_source(&sums), self.destination.try_sql(DATABASE, &sums));
            (have.as_ref() != Ok(&want)).then(|| format!("{table}: {have:?}, not {want:?}"))
        };
        tables.iter().filter_map(differs).collect()
    }
}

fn postgresql(url: String) -> Value {
    json!({"type": "postgresql", "connection_string": url})
}

/// A writer that goes on until it is dropped.
pub struct Workload(std::process::Child);

impl Drop for Workload {
    fn drop(&mut self) {
        // A signal, so that transactions under way are rolled back by the server.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

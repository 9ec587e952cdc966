//! Two PostgreSQL servers, a pipeline between them, and whether they hold the same.

use std::{collections::BTreeMap, process::Stdio};

use cartridge_warp_test_postgresql::Cluster;
use serde_json::{Value, json};

use crate::{Pipeline, Session};

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
        Self::start_with(&[])
    }

    /// Two empty servers; the source has these settings beside what it needs.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let source = Cluster::start(&[&[("wal_level", "logical")], settings].concat());
        let destination = Cluster::start(&[]);
        source.create_database(DATABASE);
        destination.create_database(DATABASE);
        Self { source, destination }
    }

    /// A session of the source.
    pub fn session_at_source(&self) -> Session {
        Session::open(&self.source, DATABASE)
    }

    /// A session of the destination.
    pub fn session_at_destination(&self) -> Session {
        Session::open(&self.destination, DATABASE)
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

    /// How a table of schema `public` differs, if it does.
    pub fn difference_of(&self, table: &str) -> Option<String> {
        let of = |difference: &String| difference.starts_with(&format!("{table}: "));
        self.differences().into_iter().find(of)
    }

    /// The tables of schema `public` that differ, each with how.
    pub fn differences(&self) -> Vec<String> {
        self.differences_in("public")
    }

    /// The tables of a schema that differ, each with how. Partitions belong to their tables.
    pub fn differences_in(&self, schema: &str) -> Vec<String> {
        let named = columns_of(schema, "is_generated = 'NEVER'");
        let tables = by_table(self.at_source(&named));
        assert!(!tables.is_empty(), "there is nothing to compare");
        let there = by_table(self.at_destination(&columns_of(schema, "true")));
        let is_there = |table: &&String| {
            let columns = there.get(*table);
            columns.is_some_and(|there| tables[*table].iter().all(|it| there.contains(it)))
        };
        let here: Vec<&String> = tables.keys().filter(is_there).collect();
        let sums = here.iter().map(|table| sums(schema, table, &tables[*table]));
        let sums = sums.chain(["SELECT '', '' WHERE false".to_owned()]).collect::<Vec<_>>();
        let sums = sums.join(" UNION ALL ");
        let want = sums_by_table(self.at_source(&sums));
        // Somebody may be changing the tables.
        let have = sums_by_table(self.try_at_destination(&sums).unwrap_or_default());
        let differs = |table: &String| match (want.get(table), have.get(table)) {
            (Some(want), Some(have)) if want == have => None,
            (Some(want), have) => Some(format!("{table}: {have:?}, not {want:?}")),
            _ => Some(format!("{table}: has {:?}, not {:?}", there.get(table), tables[table])),
        };
        tables.keys().filter_map(differs).collect()
    }
}

/// SQL for a schema's tables, each with its columns that meet a condition.
fn columns_of(schema: &str, condition: &str) -> String {
    format!(
        "SELECT quote_ident(table_name), quote_ident(column_name) FROM information_schema.columns \
         WHERE table_schema = '{schema}' AND {condition} AND NOT (SELECT relispartition FROM \
         pg_class WHERE oid = to_regclass(format('%I.%I', table_schema, table_name))) \
         ORDER BY table_name, ordinal_position"
    )
}

fn by_table(lines: Vec<String>) -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::<String, Vec<String>>::new();
    for line in lines {
        let (table, column) = line.split_once('|').expect("two columns");
        tables.entry(table.to_owned()).or_default().push(column.to_owned());
    }
    tables
}

/// SQL for a table's name and what tells its rows from others.
fn sums(schema: &str, table: &str, columns: &[String]) -> String {
    let (name, columns) = (table.replace('\'', "''"), columns.join(", "));
    format!(
        "SELECT '{name}', count(*) || ' rows, ' || md5(coalesce(string_agg(r, E'\\n' ORDER BY r), '')) \
         FROM (SELECT row({columns})::text AS r FROM {schema}.{table}) t"
    )
}

fn sums_by_table(lines: Vec<String>) -> BTreeMap<String, String> {
    let pair = |line: String| line.rsplit_once('|').map(|(a, b)| (a.to_owned(), b.to_owned()));
    lines.into_iter().filter_map(pair).collect()
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

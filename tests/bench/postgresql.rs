//! PostgreSQL to PostgreSQL, against what the two servers do without us.

use std::{io::Write, time::Instant};

use cartridge_warp_tests::{Databases, Pipeline};
use serde_json::json;

use crate::{
    latency,
    measure::{catch_up, heading},
};

/// Changes in the catch-up, a fifth of the rows of the snapshot.
const CHANGES_PER_ROW: f64 = 0.2;
/// Statements of the writer; each is a transaction of 100 changes.
const CHANGES_AT_ONCE: u64 = 100;

/// What a row is.
struct Shape {
    name: &'static str,
    columns: &'static str,
    /// The values of row `n`.
    values: &'static str,
}

/// Changes are made to rows of the first.
const SHAPES: [Shape; 2] = [
    Shape {
        name: "6 columns, numeric(12,2)",
        columns: "id bigint PRIMARY KEY, state text, name text, total numeric(12,2), at timestamptz, \
                  detail jsonb",
        values: "n, 'shipped', 'Customer number ' || n % 777, (n % 10000) + 0.5, \
                 '2026-01-02 03:04:05Z'::timestamptz + n * interval '1 millisecond', \
                 jsonb_build_object('lines', n % 7, 'paid', n % 2 = 0)",
    },
    Shape {
        name: "6 columns, numeric without digits, more text",
        columns: "id bigint PRIMARY KEY, name text, note text, amount numeric, at timestamptz, \
                  detail jsonb",
        values: "n, 'Customer number ' || n % 777, repeat('note ', 5 + (n % 5)::int), \
                 (n % 100000) * 1.37, \
                 '2026-01-02 03:04:05Z'::timestamptz + n * interval '1 millisecond', \
                 jsonb_build_object('lines', n % 7, 'paid', n % 2 = 0, 'city', 'Somewhere ' || n % 99, \
                     'tags', jsonb_build_array('a', 'b', n % 13), 'sum', n * 0.5)",
    },
];

/// Prints snapshots, catch-up and latency, each with its limit in the same run.
pub fn run(rows: u64) {
    let mut out = std::io::stdout().lock();
    for shape in &SHAPES[1..] {
        snapshot(shape, rows, &mut out);
    }
    let (databases, pipeline) = snapshot(&SHAPES[0], rows, &mut out);

    let changes = (rows as f64 * CHANGES_PER_ROW) as u64;
    databases.at_source("SELECT pg_create_logical_replication_slot('bench_limit', 'pgoutput')");
    change(&databases, changes, rows);
    let limit = read_by_the_server(&databases, changes);
    let stream = catch_up(&pipeline);
    let _ = writeln!(out, "{}", stream.line("changes", changes));
    let _ = writeln!(out, "{}", stream.shares_line(changes));
    let _ = writeln!(out, "{:<22} {:>10.0}", "  reading them only", limit);
    let _ = writeln!(out, "{:<22} {:>9.2}x", "  ratio", stream.rate(changes) / limit);
    assert_eq!(databases.difference(), None);
    let _ = latency::run(&databases, &mut out);
}

/// Copies a table of such rows between the limit and the limit again: what these two differ by is the
/// noise of the run.
fn snapshot(shape: &Shape, rows: u64, out: &mut impl Write) -> (Databases, Pipeline) {
    let databases = Databases::start();
    fill(&databases, shape, rows);
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.default_batch_size", json!(10_000));
    pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_batch_size": 10_000}]));
    // Compiles the connectors.
    assert!(pipeline.run(&["check"]).status.success(), "the pipeline is in order");
    let name = shape.name;
    let _ = writeln!(out, "\nPostgreSQL to PostgreSQL, {rows} rows of {name}\n{}", heading());
    let limit = copy_by_the_servers(&databases, shape, rows);
    let copied = catch_up(&pipeline);
    let again = copy_by_the_servers(&databases, shape, rows);
    let _ = writeln!(out, "{}", copied.line("snapshot", rows));
    let _ = writeln!(out, "{}", copied.shares_line(rows));
    let _ = writeln!(out, "{:<22} {:>10.0}", "  COPY out and in", limit);
    let _ = writeln!(out, "{:<22} {:>9.2}x", "  the same again", again / limit);
    let _ = writeln!(out, "{:<22} {:>9.2}x", "  ratio", copied.rate(rows) * 2.0 / (limit + again));
    assert_eq!(databases.difference(), None);
    (databases, pipeline)
}

fn fill(databases: &Databases, shape: &Shape, rows: u64) {
    let Shape { columns, values, .. } = shape;
    databases.at_source(&format!(
        "CREATE TABLE orders ({columns}); \
         INSERT INTO orders SELECT {values} FROM generate_series(1, {rows}) n; \
         VACUUM ANALYZE orders; CHECKPOINT"
    ));
}

/// Rows a second of COPY out of one server into an equal table of the other.
fn copy_by_the_servers(databases: &Databases, shape: &Shape, rows: u64) -> f64 {
    let columns = shape.columns;
    databases.at_destination(&format!(
        "CREATE SCHEMA bench_limit; CREATE TABLE bench_limit.orders ({columns})"
    ));
    let started = Instant::now();
    databases.copy("orders", "bench_limit.orders");
    let seconds = started.elapsed().as_secs_f64();
    databases.at_destination("DROP SCHEMA bench_limit CASCADE");
    rows as f64 / seconds
}

/// Inserts, updates and deletes, in transactions of [`CHANGES_AT_ONCE`].
fn change(databases: &Databases, changes: u64, rows: u64) {
    let transactions = changes / CHANGES_AT_ONCE;
    let quarter = CHANGES_AT_ONCE / 4;
    databases.at_source(&format!(
        "DO $$ BEGIN FOR t IN 0..{transactions} - 1 LOOP
             INSERT INTO orders SELECT {rows} + t * {quarter} + n, 'open', 'new', n, now(), '{{}}'
                 FROM generate_series(1, {quarter}) n;
             UPDATE orders SET state = 'paid', total = total + 1
                 WHERE id > t * {quarter} * 3 AND id <= t * {quarter} * 3 + {quarter} * 2;
             DELETE FROM orders
                 WHERE id > t * {quarter} * 3 + {quarter} * 2 AND id <= (t + 1) * {quarter} * 3;
             COMMIT;
         END LOOP; END $$"
    ));
}

/// Changes a second that the server decodes and counts, with nobody to send them to.
fn read_by_the_server(databases: &Databases, changes: u64) -> f64 {
    let started = Instant::now();
    let read = databases.at_source(
        "SELECT count(*) >= 0 FROM pg_logical_slot_peek_binary_changes('bench_limit', NULL, NULL,
         'proto_version', '1', 'publication_names', 'cartridge_warp_public');
         SELECT pg_drop_replication_slot('bench_limit')",
    );
    assert_eq!(read.first().map(String::as_str), Some("t"));
    changes as f64 / started.elapsed().as_secs_f64()
}

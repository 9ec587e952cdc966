//! One transaction of more than two gigabytes from PostgreSQL to PostgreSQL, by each way of reading
//! the log. It has to be asked for by its name: it takes minutes, and 20 GB of disk.

use std::io::Write as _;

use cartridge_warp_tests::Databases;
use serde_json::json;

use crate::measure::{catch_up, heading};

/// Bytes of each row's text.
const ROW_BYTES: u64 = 2_100;

/// Prints a line for each way of reading: the peak is what the size must not move.
pub fn run(rows: u64) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "\none transaction of {rows} rows of {ROW_BYTES} bytes\n{}", heading());
    for read_by in ["sql", "streaming"] {
        let databases = Databases::start();
        databases.at_source(
            "CREATE TABLE orders (id bigint PRIMARY KEY, filler text NOT NULL);
             ALTER TABLE orders ALTER filler SET STORAGE PLAIN",
        );
        let mut pipeline = databases.pipeline();
        pipeline.set("source.options", json!({"read_by": read_by}));
        pipeline.set("schemas.0.default_batch_size", json!(10_000));
        pipeline.set("schemas.0.tables", json!([{"name": "orders", "write_batch_size": 10_000}]));
        // The position is taken before the transaction: all of it comes through the log.
        assert!(pipeline.catch_up().status.success(), "the first run ends well");
        let before = databases.at_source("SELECT pg_current_wal_lsn()").concat();
        databases.at_source(&format!(
            "INSERT INTO orders SELECT n, repeat('x', {ROW_BYTES}) FROM generate_series(1, {rows}) n"
        ));
        let log = databases.at_source(&format!(
            "SELECT (pg_wal_lsn_diff(pg_current_wal_lsn(), '{before}') / 1000000)::bigint"
        ));
        let measured = catch_up(&pipeline);
        let name = format!("{read_by}, {} MB of log", log.concat());
        let _ = writeln!(out, "{}", measured.line(&name, rows));
        // All of it as one text is more than the server can compare.
        let sums = "SELECT count(*), sum(id), sum(hashtext(filler)::bigint) FROM public.orders";
        assert_eq!(databases.at_source(sums), databases.at_destination(sums));
    }
}

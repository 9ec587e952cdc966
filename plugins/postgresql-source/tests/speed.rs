//! How fast a table and its changes are read natively; run with `--ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Limits, Source};
use postgresql_source::ReadBy;
use support::{Database, limits};

const ROWS: usize = 1_000_000;

#[test]
#[ignore = "measures, proves nothing"]
fn rows_and_changes_per_second() {
    let mut database = Database::new("speed");
    database.sql(&format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, a text, b text, n numeric(12,2), z timestamptz, \
         j jsonb); INSERT INTO t SELECT n, 'customer ' || n, repeat('x', 40), n / 7.0, now(), \
         '{{\"a\": 1, \"b\": [true, null]}}' FROM generate_series(1, {ROWS}) n"
    ));
    let mut driver = database.driver().limits(limits(10_000));
    let start = driver.position().unwrap();
    let begun = Instant::now();
    assert_eq!(driver.snapshot("t", &start, 1).unwrap().rows(), ROWS);
    report("snapshot", ROWS, begun);
    let mut position = start;
    for read_by in [ReadBy::Sql, ReadBy::Streaming] {
        database.options.read_by = read_by;
        position = changes(&database, position);
    }
}

/// Makes changes, reads them all, and then measures single ones.
fn changes(database: &Database, mut position: Vec<u8>) -> Vec<u8> {
    database.sql("UPDATE t SET n = n + 1 WHERE id <= 500000");
    // And small transactions.
    let small =
        |at| format!("UPDATE t SET n = 0 WHERE id BETWEEN {at} * 100 + 1 AND {at} * 100 + 100;\n");
    database.sql(&(0..200).map(small).collect::<String>());
    let begun = Instant::now();
    database.sql(
        "SELECT count(length(data)) FROM pg_logical_slot_peek_binary_changes( \
             'cartridge_warp_speed_public', NULL, 100000, 'proto_version', '1', \
             'publication_names', 'cartridge_warp_public')",
    );
    report("the server alone, large transaction", 500_000, begun);
    let way = format!("{:?}", database.options.read_by).to_lowercase();
    let mut source = database.source();
    let (mut rows, begun) = (0, Instant::now());
    let limits = Limits { wait: Duration::from_secs(1), ..limits(10_000) };
    while rows < 520_000 {
        let batch = source.get_changes("public", &position, limits).unwrap();
        if rows == 0 && !batch.tables.is_empty() {
            report(&format!("{way}: first rows after"), 500_000, begun);
        }
        rows += batch.tables.iter().map(|rows| rows.len()).sum::<usize>();
        position = batch.position;
        source.confirm("public", &position).unwrap();
    }
    report(&format!("{way}: changes"), rows, begun);
    delays(database, &mut source, position, &way)
}

/// From commit to answer, with nothing else going on.
fn delays(
    database: &Database,
    source: &mut postgresql_source::PostgresqlSource,
    mut position: Vec<u8>,
    way: &str,
) -> Vec<u8> {
    let limits = Limits { wait: Duration::from_secs(5), ..limits(10_000) };
    let mut delays = Vec::new();
    for at in 0..50 {
        let sql = format!(
            "UPDATE t SET n = {at} WHERE id = 1; SELECT extract(epoch FROM clock_timestamp())"
        );
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(37));
                let _ = database.sql(&sql);
            });
            loop {
                let batch = source.get_changes("public", &position, limits).unwrap();
                position = batch.position;
                source.confirm("public", &position).unwrap();
                if let Some(rows) = batch.tables.first() {
                    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
                    delays.push(now as i64 - rows.timestamp(0).unwrap());
                    break;
                }
            }
            writer.join().unwrap();
        });
    }
    delays.sort_unstable();
    eprintln!("{way}: delay: median {} µs, worst {} µs", delays[25], delays[49]);
    position
}

fn report(what: &str, rows: usize, begun: Instant) {
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    eprintln!("{what}: {rate:.0} rows/s");
}

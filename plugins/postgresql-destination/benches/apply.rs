//! Measures how fast changes are applied, and from how many on another way pays.
//!
//! `cargo bench -p postgresql-destination`: needs a PostgreSQL on the machine; no disk syncs, so what
//! is compared is the work and not the disk. It prints rows per second.

// A measurement may fail loudly too.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{ColumnType, Operation, Table, TableRows, TableWriter, Value};
use support::{Bed, append, cluster, upsert};

/// How long each measurement repeats.
const TIME: Duration = Duration::from_millis(1500);

fn table() -> Table {
    Table::new("wide")
        .column("id", ColumnType::BigInt)
        .column("name", ColumnType::String)
        .column("note", ColumnType::String)
        .column("price", ColumnType::Decimal { precision: 12, scale: 2 })
        .column("at", ColumnType::TimestampTz)
        .column("extra", ColumnType::Json)
        .key(["id"])
}

fn batch(from: i64, count: i64, keys: i64, operations: &[Operation]) -> TableRows {
    let table = table();
    let snapshot = operations.is_empty();
    let mut writer =
        if snapshot { TableWriter::inserts(&table) } else { TableWriter::changes(&table) };
    for at in from..from + count {
        let operation = match snapshot {
            true => Operation::Insert,
            false => operations[usize::try_from(at).unwrap() % operations.len()],
        };
        // Far apart from row to row, so that no batch has a key twice.
        let id = if snapshot { at } else { (at * 7919) % keys };
        let extra = format!(r#"{{"n": {at}, "tags": ["a", "b"]}}"#);
        let values = [
            Value::I64(id),
            Value::Str("some name of usual length"),
            Value::Str("a note that is a little longer than the name is"),
            Value::Decimal { unscaled: (at * 100 + 99).into(), scale: 2 },
            Value::TimestampTz(1_714_564_800_000_000 + at),
            Value::Json(extra.into()),
        ];
        writer.push(operation, values).unwrap();
    }
    writer.finish().unwrap()
}

fn measure(name: &str, bed: &mut Bed, count: i64, mut next: impl FnMut(i64) -> TableRows) {
    let (mut from, mut busy) = (0, Duration::ZERO);
    while busy < TIME {
        let rows = next(from);
        let start = Instant::now();
        let outcome = bed.write(vec![rows]).unwrap();
        busy += start.elapsed();
        assert!(outcome.rejected.is_empty());
        from += count;
    }
    let rate = from as f64 / busy.as_secs_f64();
    let call = busy.as_secs_f64() * 1e3 * count as f64 / from as f64;
    println!("{name:>10} {count:>6} rows a batch: {rate:>9.0} rows/s, {call:>8.2} ms a batch");
}

fn main() {
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&table())).unwrap();
    for count in [1_000, 10_000] {
        bed.run("TRUNCATE shop.wide");
        measure("snapshot", &mut bed, count, |from| batch(from, count, 0, &[]));
    }
    bed.run("TRUNCATE shop.wide");
    let keys = 200_000;
    bed.write(vec![batch(0, keys, keys, &[])]).unwrap();
    bed.run("VACUUM ANALYZE shop.wide");
    let mixed = [Operation::Update, Operation::Update, Operation::Insert, Operation::Delete];
    for count in [1, 6, 20, 120, 500, 1_000, 2_000, 10_000] {
        measure("changes", &mut bed, count, |from| batch(from, count, keys, &mixed));
    }
    let mut bed = Bed::new("{}");
    bed.plan(&append(&table())).unwrap();
    measure("append", &mut bed, 1_000, |from| batch(from, 1_000, keys, &mixed));
    copy_by_itself(&bed);
}

/// What the server does by itself: the rows of a file, into a table with the same key.
fn copy_by_itself(bed: &Bed) {
    let file = cluster().directory().join("rows");
    let file = file.to_str().unwrap();
    let columns = "id, name, note, price, at, extra";
    let count: f64 = bed.query("SELECT count(*) FROM wide")[0].parse().unwrap();
    bed.run(&format!(
        "COPY (SELECT row_number() OVER (), name, note, price, at, extra FROM wide) TO '{file}' BINARY;
         CREATE TABLE plain (LIKE wide); ALTER TABLE plain ADD PRIMARY KEY (id)"
    ));
    let start = Instant::now();
    bed.run(&format!("COPY plain ({columns}) FROM '{file}' BINARY"));
    println!("      COPY by itself: {:>9.0} rows/s", count / start.elapsed().as_secs_f64());
}

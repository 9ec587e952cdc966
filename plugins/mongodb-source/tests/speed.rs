//! How fast a collection and its changes are read natively, beside what the server itself hands out;
//! run with `--ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::{Duration, Instant};

use cartridge_warp_sdk::{Limits, Source};
use cartridge_warp_test_mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use support::{Database, limits, server};

const DOCUMENTS: i32 = 100_000;

fn document(n: i32) -> Document {
    doc! {
        "_id": ObjectId::new(), "number": n, "total": f64::from(n) / 7.0, "paid": n % 2 == 0,
        "customer": format!("customer {n}"), "note": "x".repeat(40), "placed_at": DateTime::now(),
        "big": i64::from(n) << 20, "status": "shipped", "a": n, "b": n, "c": "text",
        "address": { "city": "Ulm", "street": "Gasse", "no": n },
        "lines": [{ "sku": "a-1", "n": 2, "price": 9.5 }, { "sku": "b", "n": 1, "price": 1.25 }],
    }
}

#[test]
#[ignore = "measures, proves nothing"]
fn documents_and_changes_per_second() {
    let database = Database::new("speed");
    let documents: Vec<Document> = (0..DOCUMENTS).map(document).collect();
    database.insert("t", &documents);
    let begun = Instant::now();
    let found = server().find("speed", "t", doc! {}).len();
    report("the server alone, read by the tests' own client", found, begun);
    let mut driver = database.driver().limits(limits(10_000));
    let start = driver.position().unwrap();
    let begun = Instant::now();
    let rows = driver.snapshot("t", &start, 1).unwrap().rows();
    report("snapshot", rows, begun);
    assert_eq!(rows, documents.len());
    let again: Vec<Document> = (0..DOCUMENTS).map(document).collect();
    database.insert("t", &again);
    let (mut source, mut position) = (database.source(), start);
    let (mut rows, begun) = (0, Instant::now());
    let limits = Limits { wait: Duration::from_secs(1), ..limits(10_000) };
    while rows < again.len() {
        let batch = source.get_changes("speed", &position, limits).unwrap();
        rows += batch.tables.iter().map(|rows| rows.len()).sum::<usize>();
        position = batch.position;
    }
    report("changes", rows, begun);
}

fn report(what: &str, rows: usize, begun: Instant) {
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    eprintln!("{what}: {rate:.0} documents/s");
}

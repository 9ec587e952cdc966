//! How fast NDJSON becomes batches: `cargo test --release -p files-source --test speed -- --ignored
//! --nocapture`. A measurement, not a bound, since machines differ.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::fmt::Write;
use std::time::Instant;

use cartridge_warp_sdk::wire::Encoder;
use cartridge_warp_sdk::{Limits, Source};
use support::Shop;

#[test]
#[ignore = "a measurement"]
fn ndjson_rows_of_eight_columns() {
    const ROWS: usize = 500_000;
    let shop = Shop::new();
    let mut text = String::new();
    for id in 0..ROWS {
        writeln!(
            text,
            r#"{{"id":{id},"customer":{},"total":{}.25,"paid":{},"at":"2024-05-01T10:00:00.{:06}Z","name":"customer number {id}","city":"Amsterdam","note":null}}"#,
            id % 1000,
            id % 97,
            id % 2 == 0,
            id % 1_000_000,
        )
        .unwrap();
    }
    shop.write("t.ndjson", &text);
    let mut source = shop.source();
    let start = source.current_position("shop").unwrap();
    let limits = Limits { rows_max: 10_000, ..Limits::default() };
    let mut encoder = Encoder::default();
    let (began, mut rows) = (Instant::now(), 0);
    for chunk in source.plan_snapshot("shop", "t", &start, 1).unwrap() {
        let mut cursor: Option<Vec<u8>> = None;
        loop {
            let batch =
                source.get_full_snapshot("shop", "t", &chunk, cursor.as_deref(), limits).unwrap();
            if let Some(read) = batch.rows {
                rows += encoder.encode(&read).unwrap().row_count as usize;
            }
            cursor = batch.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(rows, ROWS);
    println!("{:.0} rows/s, {:.0} MB/s", rows as f64 / seconds, text.len() as f64 / seconds / 1e6);
}

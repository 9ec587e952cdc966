//! How fast documents become rows: `cargo test --release -p mongodb-documents --test speed --
//! --ignored --nocapture`. A measurement, not a bound, since machines differ.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use std::time::Instant;

use bson::oid::ObjectId;
use bson::{DateTime, RawDocumentBuf, rawdoc};
use cartridge_warp_sdk::Operation;
use cartridge_warp_sdk::wire::Encoder;
use mongodb_documents::{IdType, Mode, Pushed, Rows, Shape, bson};

const DOCUMENTS: u32 = 200_000;
const BATCH: usize = 5_000;

/// Fifteen fields, two of them nested.
fn order(at: u32) -> RawDocumentBuf {
    let mut id = [7; 12];
    id[..4].copy_from_slice(&at.to_be_bytes());
    rawdoc! {
        "_id": ObjectId::from_bytes(id),
        "number": i64::from(at),
        "customer": format!("customer number {}", at % 1_000),
        "email": format!("customer{}@example.com", at % 1_000),
        "status": "shipped",
        "total": f64::from(at) / 100.0,
        "discount": 0.05,
        "quantity": 3,
        "paid": at.is_multiple_of(2),
        "placed": DateTime::from_millis(1_714_557_600_000 + i64::from(at)),
        "shipped": DateTime::from_millis(1_714_657_600_000 + i64::from(at)),
        "note": null,
        "tags": ["new", "gift", "express"],
        "address": { "street": "Keizersgracht 1", "city": "Amsterdam", "zip": "1015 CJ", "floor": 2 },
        "lines": [
            { "sku": "A-1", "count": 1, "price": 9.95, "product": ObjectId::from_bytes([1; 12]) },
            { "sku": "B-2", "count": 2, "price": 19.95, "product": ObjectId::from_bytes([2; 12]) },
        ],
    }
}

#[test]
#[ignore = "a measurement"]
fn documents_of_fifteen_fields() {
    let documents: Vec<_> = (0..DOCUMENTS).map(order).collect();
    let bytes: usize = documents.iter().map(|document| document.as_bytes().len()).sum();
    for (name, mode) in [
        ("columns", Mode::Columns { max_depth: 0 }),
        ("columns, one level flattened", Mode::Columns { max_depth: 1 }),
        ("document", Mode::Document),
    ] {
        let mut encoder = Encoder::default();
        let mut rows = Rows::changes(Shape::new("orders", mode, IdType::Auto));
        let (began, mut count, mut encoded) = (Instant::now(), 0, 0);
        for document in &documents {
            let outcome = rows.push(Operation::Insert, document, Some(0)).unwrap();
            assert!(matches!(outcome, Pushed::Row));
            if rows.len() == BATCH {
                let batch = encoder.encode(&rows.finish().unwrap()).unwrap();
                (count, encoded) = (count + batch.row_count, encoded + batch.rows.len());
            }
        }
        let time = began.elapsed();
        assert_eq!(count, DOCUMENTS);
        println!(
            "{name}: {:.0} documents/s, {:.0} ns each, {:.0} MB/s read, {encoded} bytes written",
            f64::from(count) / time.as_secs_f64(),
            time.as_nanos() as f64 / f64::from(count),
            bytes as f64 / time.as_secs_f64() / 1e6,
        );
    }
}

//! The snapshot: every document once, whatever its `_id`, in any number of ranges and steps.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::collections::BTreeSet;

use cartridge_warp_sdk::testing::{Collected, Driver};
use cartridge_warp_sdk::{Limits, Source};
use cartridge_warp_test_mongodb::bson::{Bson, Document, doc, oid::ObjectId};
use support::{Database, assert_failure, follow, limits, replica};

/// A collection with `_id`s of many types, among them what queries hide.
fn mixed() -> Vec<Document> {
    let ids = [
        Bson::MinKey,
        Bson::Null,
        Bson::Int32(5),
        Bson::Int64(1 << 40),
        Bson::Double(2.5),
        Bson::Double(f64::NAN),
        Bson::String("a".into()),
        Bson::String("b".into()),
        Bson::Document(doc! { "k": 1 }),
        Bson::ObjectId(ObjectId::from_bytes([1; 12])),
        Bson::ObjectId(ObjectId::from_bytes([2; 12])),
        Bson::Boolean(true),
        Bson::DateTime(cartridge_warp_test_mongodb::bson::DateTime::from_millis(5)),
    ];
    ids.into_iter().enumerate().map(|(n, id)| doc! { "_id": id, "n": n as i32 }).collect()
}

#[test]
fn ids_of_every_type_are_read_once_in_steps_of_any_size() {
    let database = Database::with("mixed", r#"{"id_type": "json"}"#);
    let documents = mixed();
    database.insert("t", &documents);
    let mut planner = database.driver();
    let start = planner.position().unwrap();
    let expected: BTreeSet<String> = (0..documents.len()).map(|n| n.to_string()).collect();
    for rows_max in [1, 2, 5, 100] {
        let mut driver = planner.limits(limits(rows_max));
        let all = driver.snapshot("t", &start, 3).unwrap().column("t", "n");
        assert_eq!(all.len(), documents.len(), "{rows_max}: {all:?}");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected, "{rows_max}");
        planner = driver;
    }
    // As if killed after each step: every step by a source of its own.
    let chunks = planner.source.plan_snapshot("mixed", "t", &start, 1).unwrap();
    let (mut cursor, mut seen) = (None::<Vec<u8>>, Vec::new());
    loop {
        let mut source = database.connect().unwrap();
        let limits = limits(3);
        let step =
            source.get_full_snapshot("mixed", "t", &chunks[0], cursor.as_deref(), limits).unwrap();
        let rows = Collected { batches: step.rows.into_iter().collect(), ..Collected::default() };
        seen.extend(rows.column("t", "n"));
        cursor = step.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), documents.len(), "{seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn mixed_ids_are_refused_where_a_column_cannot_keep_them_apart() {
    let database = Database::new("mixed_refused");
    database.insert("good", &[doc! { "_id": 1 }]);
    database.insert("bad", &[doc! { "_id": 1 }, doc! { "_id": "1" }]);
    let mut source = database.connect().unwrap();
    assert_eq!(source.get_schema("mixed_refused").unwrap().len(), 2);
    source.select_tables("mixed_refused", &["good".to_owned()]).unwrap();
    assert_failure(
        source.select_tables("mixed_refused", &["bad".to_owned()]),
        "config",
        "mixed-ids",
        &["collection bad", "id_type"],
    );
}

#[test]
fn ranges_cover_a_collection_without_gap_or_overlap() {
    let database = Database::new("ranges");
    for part in 0..4 {
        let documents: Vec<_> =
            (0..10_000).map(|n| doc! { "_id": ObjectId::new(), "n": part * 10_000 + n }).collect();
        database.insert("t", &documents);
    }
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let chunks = driver.source.plan_snapshot("ranges", "t", &start, 4).unwrap();
    assert!((2..=4).contains(&chunks.len()), "{}", chunks.len());
    let all = driver.limits(limits(3_000)).snapshot("t", &start, 4).unwrap().column("t", "n");
    assert_eq!(all.len(), 40_000);
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 40_000);
}

#[test]
fn a_step_is_bounded_by_bytes_and_a_large_document_still_passes() {
    let database = Database::new("bytes");
    let large = "x".repeat(3 << 20);
    let documents: Vec<_> = (0..4).map(|n| doc! { "_id": n, "large": &large }).collect();
    database.insert("t", &documents);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    for (bytes_max, per_step) in [(1, 1), (4 << 20, 1), (7 << 20, 2)] {
        let mut driver = Driver::new(database.source(), "bytes")
            .limits(Limits { bytes_max, ..Limits::default() });
        let all = driver.snapshot("t", &start, 1).unwrap();
        assert_eq!(all.column("t", "_id"), ["0", "1", "2", "3"]);
        assert!(all.batches.iter().all(|rows| rows.len() <= per_step), "{bytes_max}");
    }
}

#[test]
fn empty_and_dropped_collections_have_no_rows() {
    let database = Database::new("empty");
    database.run(doc! { "create": "t" });
    database.insert("u", &[doc! { "_id": 1 }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    assert_eq!(driver.snapshot("t", &start, 4).unwrap().rows(), 0);
    let chunks = driver.source.plan_snapshot("empty", "u", &start, 1).unwrap();
    database.run(doc! { "drop": "u" });
    let step = driver.source.get_full_snapshot("empty", "u", &chunks[0], None, limits(10)).unwrap();
    assert!(step.rows.is_none() && step.next_cursor.is_none());
}

#[test]
fn copy_and_stream_together_equal_the_source_whatever_happens_meanwhile() {
    let database = Database::new("overlap");
    let documents: Vec<_> = (0..300).map(|n| doc! { "_id": n, "v": 0 }).collect();
    database.insert("t", &documents);
    let mut driver = database.driver().limits(limits(50));
    let start = driver.position().unwrap();
    database.update("t", doc! { "_id": 7 }, doc! { "$set": { "v": 1 } });
    database.delete("t", doc! { "_id": { "$gte": 290 } });
    database.insert("t", &[doc! { "_id": 900, "v": 9 }]);
    let mut replica = replica();
    replica.apply(&driver.snapshot("t", &start, 2).unwrap());
    database.delete("t", doc! { "_id": 3 });
    database.update("t", doc! { "_id": 7 }, doc! { "v": 2, "w": "new" });
    replica.apply(&follow(&mut driver, &start));
    let mut expected: Vec<String> = (0..290)
        .filter(|n| *n != 3)
        .map(|n| if n == 7 { "7|2|new".to_owned() } else { format!("{n}|0|null") })
        .collect();
    expected.push("900|9|null".to_owned());
    expected.sort();
    let mut rows = replica.rows("t", &["_id", "v", "w"]);
    rows.sort();
    assert_eq!(rows, expected);
}

#[test]
fn a_document_mode_and_flattened_columns_are_options() {
    let nested = doc! { "_id": 1, "a": { "b": { "c": 1 } }, "t": "x" };
    for (options, name, expected) in [
        (r#"{"schema_mode": "document"}"#, "mode_document", vec!["_id", "document"]),
        (r#"{"max_document_depth": 0}"#, "mode_flat", vec!["_id", "a", "t"]),
        (r#"{"max_document_depth": 2}"#, "mode_deep", vec!["_id", "a_b_c", "t"]),
        (r#"{"id_type": "json", "sample_size": 1}"#, "mode_id", vec!["_id", "a", "t"]),
    ] {
        let database = Database::with(name, options);
        database.insert("t", std::slice::from_ref(&nested));
        let table = database.source().get_schema(name).unwrap().remove(0);
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(columns, expected, "{options}");
        let mut driver = database.driver();
        let start = driver.position().unwrap();
        let all = driver.snapshot("t", &start, 1).unwrap();
        let copied: Vec<&str> =
            all.batches[0].columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(copied, expected, "{options}");
    }
}

//! Options that are changed while a collection is followed or copied.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::Source;
use cartridge_warp_test_mongodb::bson::doc;
use support::{Database, assert_failure, follow, limits};

/// Options under which a document becomes another row than without.
const OTHERS: [&str; 3] =
    [r#"{"id_type": "json"}"#, r#"{"schema_mode": "document"}"#, r#"{"max_document_depth": 1}"#];
const WORDS: [&str; 3] = ["id_type: auto", "Set them back", "--full-resync"];

#[test]
fn rows_of_two_forms_never_come_into_one_table() {
    let database = Database::new("forms");
    database.insert("t", &[doc! { "_id": "a", "n": { "m": 1 } }]);
    let mut driver = database.driver();
    let start = driver.position().unwrap();
    let chunks = driver.source.plan_snapshot("forms", "t", &start, 1).unwrap();
    database.insert("t", &[doc! { "_id": "b" }]);
    let position = follow(&mut driver, &start).position;
    for options in OTHERS {
        let mut source = Database::with("forms", options).source();
        for position in [&start, &position] {
            let changes = source.get_changes("forms", position, limits(10));
            assert_failure(changes, "config", "options-changed", &WORDS);
        }
        let plan = source.plan_snapshot("forms", "t", &start, 1);
        assert_failure(plan, "config", "options-changed", &WORDS);
        let copy = source.get_full_snapshot("forms", "t", &chunks[0], None, limits(10));
        assert_failure(copy, "config", "options-changed", &WORDS);
    }
    let same = Database::with("forms", r#"{"sample_size": 3}"#).driver();
    assert_eq!(follow(&mut { same }, &start).column("t", "_id"), ["b"]);
}

#[test]
fn the_same_holds_for_polling() {
    let polling = |options: &str| {
        Database::with("polled_forms", options).setting("change_detection_strategy", "timestamp")
    };
    let database = polling("{}");
    database.insert("t", &[doc! { "_id": "a", "updated_at": 1 }]);
    let start = database.driver().position().unwrap();
    for options in OTHERS {
        let changes = polling(options).source().get_changes("polled_forms", &start, limits(10));
        assert_failure(changes, "config", "options-changed", &WORDS);
    }
}

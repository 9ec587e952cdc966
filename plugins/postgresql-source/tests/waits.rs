//! A start waits for transactions that write, whichever database they are in: so nothing else may run on
//! the server meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use cartridge_warp_sdk::Source;
use support::{Database, assert_failure};

#[test]
fn a_start_waits_for_transactions_as_long_as_it_takes() {
    transactions_are_named();
    the_first_ones_count();
}

/// At first the slot is made, which waits itself, then it is there.
fn transactions_are_named() {
    let database = Database::new("writers");
    database.sql("CREATE TABLE t (id int PRIMARY KEY)");
    for id in 1..=2 {
        let open = format!("the-open-one-{id}");
        database.sql(&format!("BEGIN; INSERT INTO t VALUES ({id}); PREPARE TRANSACTION '{open}'"));
        let mut source = database.source();
        for _ in 0..2 {
            let named = [open.as_str(), "writers", "ROLLBACK PREPARED"];
            assert_failure(source.current_position("public"), "retry", "waiting", &named);
        }
        database.sql(&format!("COMMIT PREPARED '{open}'"));
        let start = source.current_position("public").unwrap();
        let rows = database.driver().snapshot("t", &start, 1).unwrap();
        assert_eq!(rows.column("t", "id").len(), id);
    }
}

/// Those of later are nobody's business, else a busy server would never be done.
fn the_first_ones_count() {
    let database = Database::new("first");
    database.sql("CREATE TABLE t (id int PRIMARY KEY); BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'early'");
    let mut source = database.source();
    assert_failure(source.current_position("public"), "retry", "waiting", &["early"]);
    database
        .sql("BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'late'; COMMIT PREPARED 'early'");
    // The slot has its own mind about whom it waits for: at most for those of now.
    if let Err(failure) = source.current_position("public") {
        assert_eq!(failure.code, "waiting", "{failure}");
    }
    database.sql("COMMIT PREPARED 'late'");
    source.current_position("public").unwrap();
}

//! Values that the log leaves out and that are looked up: as much as can be held, and whatever the text.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may fail loudly")]

mod support;

use std::time::Duration;

use cartridge_warp_sdk::testing::Collected;
use cartridge_warp_sdk::{Limits, Source};
use support::{Database, NO_TEXT, follow, limits, replica};

#[test]
fn values_that_are_looked_up_come_in_batches_that_can_be_held() {
    let database = Database::new("large_values");
    database.sql(
        "CREATE TABLE t (id int PRIMARY KEY, v int, big text, more text); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL, ALTER more SET STORAGE EXTERNAL; \
         INSERT INTO t SELECT n, 0, repeat('x', 10 << 20) FROM generate_series(1, 5) n; \
         INSERT INTO t VALUES (6, 0, repeat('x', 9000), NULL), (7, 0, repeat('x', 13 << 20), repeat('y', 12 << 20)), \
             (8, 0, repeat('x', 13 << 20), 'y')",
    );
    let start = database.driver().position().unwrap();
    database.sql("UPDATE t SET v = id; UPDATE t SET v = 9, big = 'new' WHERE id = 8");
    for killed in [false, true] {
        let (mut source, mut position) = (database.source(), start.clone());
        let (mut replica, mut rejected, mut batches, mut was_within) =
            (replica(), Vec::new(), 0, false);
        loop {
            if killed {
                source = database.source();
            }
            let wait = Duration::from_secs(5);
            let batch =
                source.get_changes("public", &position, Limits { wait, ..limits(1000) }).unwrap();
            batches += 1;
            position = batch.position;
            rejected.extend(batch.rejected);
            let collected = Collected { batches: batch.tables, ..Default::default() };
            let bytes: usize = collected.column("t", "big").iter().map(String::len).sum();
            assert!(bytes <= 25 << 20, "{bytes}");
            replica.apply(&collected);
            if replica.rows("t", &["v"]).contains(&"9".to_owned()) {
                break;
            }
            assert!(batches < 20 && (batch.within_transaction || was_within));
            was_within = batch.within_transaction;
        }
        assert!((3..6).contains(&batches), "{batches}");
        let rows = replica.rows("t", &["id", "v", "big"]);
        let expected = |id: usize, size: usize| format!("{id}|{id}|{}", "x".repeat(size));
        let mut all: Vec<String> = (1..6).map(|id| expected(id, 10 << 20)).collect();
        all.extend([expected(6, 9000), "8|9|new".to_owned()]);
        assert!(rows == all, "{:?}", rows.iter().map(String::len).collect::<Vec<_>>());
        let words = format!("a value of {} bytes", 13 << 20);
        assert!(rejected.len() == 1 && rejected[0].message.contains(&words), "{rejected:?}");
    }
}

#[test]
fn a_text_that_is_looked_up_and_cannot_be_converted_is_a_dead_letter() {
    let database = Database::western("looked_up");
    database.sql(&format!(
        "CREATE TABLE t (id text PRIMARY KEY, v int, big text); \
         ALTER TABLE t ALTER big SET STORAGE EXTERNAL; \
         INSERT INTO t VALUES (U&'\\00E9', 0, repeat(U&'\\20AC', 3000)), \
             ('x', 0, repeat('a', 3000) || {NO_TEXT}), ('y', 0, repeat('b', 3000))"
    ));
    let start = database.driver().position().unwrap();
    database.sql("UPDATE t SET v = 1");
    let changes = follow(&mut database.driver(), &start);
    let mut replica = replica();
    replica.apply(&changes);
    let rows = [format!("y|1|{}", "b".repeat(3000)), format!("é|1|{}", "€".repeat(3000))];
    assert_eq!(replica.rows("t", &["id", "v", "big"]), rows);
    let letters: Vec<&str> = changes.rejected.iter().map(|it| &*it.message).collect();
    assert!(matches!(&letters[..], [one] if one.contains("column big")), "{letters:?}");
}

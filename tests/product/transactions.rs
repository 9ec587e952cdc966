//! Transactions of the source that take more than one batch: no row of theirs is a dead letter because
//! another one is still to come, and `commit_at: transaction` shows them whole or not at all.

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::json;

/// Rows of a batch.
const BATCH: u32 = 100;

/// A pipeline with small batches that has caught up with what this SQL made.
fn caught_up(sql: &str) -> (Databases, Pipeline) {
    let databases = Databases::start();
    databases.at_source(sql);
    let mut pipeline = databases.pipeline();
    pipeline.set("schemas.0.default_batch_size", json!(BATCH));
    pipeline.set("schemas.0.tables", json!([{"name": "filler", "write_batch_size": BATCH}]));
    ends_well(&pipeline);
    (databases, pipeline)
}

fn ends_well(pipeline: &Pipeline) -> String {
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stderr
}

const UNIQUE: &str = "CREATE TABLE filler (id serial PRIMARY KEY, note text);
    CREATE TABLE names (id int PRIMARY KEY, name text, UNIQUE (name) DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO names VALUES (1, 'a'), (2, 'b'), (3, 'c');
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED)";

#[test]
fn a_row_that_is_early_is_no_dead_letter() {
    let (databases, mut pipeline) = caught_up(UNIQUE);
    databases.at_destination(
        "CREATE UNIQUE INDEX ON names (name);
         ALTER TABLE children ADD FOREIGN KEY (parent) REFERENCES parents",
    );
    let cases = [
        ("two rows exchange a value", "UPDATE names SET name = 'b' WHERE id = 1", {
            "UPDATE names SET name = 'a' WHERE id = 2"
        }),
        ("a new row takes a value before the old one goes", "INSERT INTO names VALUES (4, 'c')", {
            "DELETE FROM names WHERE id = 3"
        }),
        ("a row comes before the one that it refers to", "INSERT INTO children VALUES (1, 7)", {
            "INSERT INTO parents VALUES (7)"
        }),
        (
            "a row goes before the one that refers to it",
            "DELETE FROM parents WHERE id = 7",
            "DELETE FROM children",
        ),
    ];
    for read_by in ["sql", "streaming"] {
        pipeline.set("source.options", json!({"read_by": read_by}));
        for (what, first, last) in &cases {
            // Of batches that end with the transaction, in it, and a row before and behind its end.
            for between in [10 * BATCH - 1, 3 * BATCH - 2, 2 * BATCH - 1, 2 * BATCH, BATCH / 2] {
                databases.at_source(&format!(
                    "BEGIN; {first};
                     INSERT INTO filler (note) SELECT 'between' FROM generate_series(1, {between});
                     {last}; COMMIT;
                     INSERT INTO filler (note) SELECT 'behind' FROM generate_series(1, {BATCH})"
                ));
                let said = ends_well(&pipeline);
                let case = format!("{what}, {between} rows between, read by {read_by}");
                assert_eq!(databases.difference(), None, "{case}: {said}");
                assert!(!said.contains("dead letter"), "{case}: {said}");
                databases.at_source(
                    "DELETE FROM children; DELETE FROM parents; DELETE FROM names; DELETE FROM filler;
                     INSERT INTO names VALUES (1, 'a'), (2, 'b'), (3, 'c')",
                );
                if what.starts_with("a row goes") {
                    databases.at_source(
                        "INSERT INTO parents VALUES (7); INSERT INTO children VALUES (1, 7)",
                    );
                }
                ends_well(&pipeline);
            }
        }
    }
}

#[test]
fn a_row_that_stays_refused_is_a_dead_letter_when_its_transaction_is_there() {
    let (databases, pipeline) = caught_up(UNIQUE);
    databases.at_destination("ALTER TABLE names ADD CHECK (name <> 'refused')");
    databases.at_source(&format!(
        "BEGIN; UPDATE names SET name = 'refused' WHERE id = 1;
         INSERT INTO filler (note) SELECT 'more' FROM generate_series(1, {});
         UPDATE names SET name = 'kept' WHERE id = 2; COMMIT",
        5 * BATCH
    ));
    let ended = pipeline.catch_up();
    assert!(ended.stderr.contains("dead letter"), "{}", ended.stderr);
    let letters = "SELECT count(*) FROM cartridge_warp_metadata.dead_letter_queue";
    assert_eq!(databases.at_destination(letters), ["1"]);
    let names = "SELECT string_agg(name, ' ' ORDER BY id) FROM names";
    assert_eq!(databases.at_destination(names), ["a kept c"]);
    assert_eq!(databases.at_destination("SELECT count(*) FROM filler"), [(5 * BATCH).to_string()]);
}

/// Each transaction adds as many rows to `debits` as to `credits`, one table after the other.
const BOOKS: &str = "CREATE TABLE debits (id serial PRIMARY KEY, n int);
    CREATE TABLE credits (id serial PRIMARY KEY, n int);
    CREATE TABLE filler (id serial PRIMARY KEY)";

fn booked(rows: u32) -> String {
    format!(
        "BEGIN; INSERT INTO debits (n) SELECT n FROM generate_series(1, {rows}) n;
         INSERT INTO credits (n) SELECT n FROM generate_series(1, {rows}) n; COMMIT"
    )
}

fn counts(databases: &Databases) -> Option<(u64, u64)> {
    let counts = databases.try_at_destination(
        "SELECT (SELECT count(*) FROM debits), (SELECT count(*) FROM credits)",
    )?;
    let (debits, credits) = counts.first()?.split_once('|')?;
    Some((debits.parse().ok()?, credits.parse().ok()?))
}

#[test]
fn transactions_are_seen_whole_also_after_kills() {
    let (databases, mut pipeline) = caught_up(BOOKS);
    pipeline.set("commit_at", json!("transaction"));
    let mut booked_rows = 0;
    for (round, rows) in [7 * BATCH, BATCH / 2, 31, 20 * BATCH].into_iter().enumerate() {
        let running = pipeline.start();
        for _ in 0..10 {
            databases.at_source(&booked(rows));
        }
        let begun = booked_rows;
        booked_rows += u64::from(10 * rows);
        let mut last = 0;
        wait_until("the rows are there", || {
            let Some((debits, credits)) = counts(&databases) else { return false };
            assert_eq!(debits, credits, "round {round}");
            assert!(debits >= last, "round {round}");
            last = debits;
            // Every other round is killed half-way.
            last == booked_rows || (round % 2 == 0 && last > begun)
        });
        running.kill();
        let (debits, credits) = counts(&databases).unwrap();
        assert_eq!(debits, credits, "round {round}, killed");
    }
    ends_well(&pipeline);
    assert_eq!(databases.difference(), None);
}

#[test]
fn what_cannot_be_kept_whole_is_said_and_arrives() {
    let (databases, mut pipeline) = caught_up(BOOKS);
    pipeline.set("commit_at", json!("transaction"));
    let mut running = pipeline.start();
    running.wait_for("following changes");
    // A change that is told before the first row of the transaction does not cut it.
    databases.at_source(
        "BEGIN; INSERT INTO credits (n) VALUES (1); ALTER TABLE debits ADD note text;
         INSERT INTO debits (n, note) VALUES (2, 'new'); COMMIT",
    );
    running.wait_for("committed in parts: it changes the shape of a table");
    wait_until("both rows are there", || databases.difference().is_none());
    running.kill();
    // 80 MB in one transaction.
    databases.at_source(
        "INSERT INTO debits (n, note)
             SELECT n, repeat(md5(n::text), 12500) FROM generate_series(1, 200) n",
    );
    let said = ends_well(&pipeline);
    assert!(said.contains("committed in parts: it is too large"), "{said}");
    assert_eq!(databases.difference(), None);
}

#[test]
fn a_source_without_transactions_cannot_keep_them_whole() {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n");
    pipeline.set("commit_at", json!("transaction"));
    for command in ["check", "run"] {
        let ended = pipeline.run(&[command]);
        assert!(!ended.status.success(), "{command}");
        for words in ["`files` does not tell where transactions end", "commit_at: batch"] {
            assert!(ended.stderr.contains(words), "{command}: {}", ended.stderr);
        }
    }
    assert!(!pipeline.database().exists());
}

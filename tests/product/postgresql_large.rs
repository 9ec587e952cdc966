//! Rows that are too large for a connector's memory: dead letters that name the table, the key and the column,
//! whichever way they come.

use cartridge_warp_tests::{Databases, Pipeline, wait_until};
use serde_json::json;

/// More than fits into the memory of a connector, several times over as it lies there on its way.
const LARGE: &str = "repeat('x', 100 << 20)";
const FITS: &str = "repeat('y', 20 << 20)";
const LETTERS: &str = "SELECT table_name, operation, error_message, left(payload, 60) \
    FROM cartridge_warp_metadata.dead_letter_queue ORDER BY 1, 2, 4";

fn pipeline(databases: &Databases, read_by: &str) -> Pipeline {
    let mut pipeline = databases.pipeline();
    pipeline.set("source.options", json!({"read_by": read_by, "table_check_seconds": 1}));
    pipeline.set("error_handling.max_backoff_seconds", json!(0.1));
    pipeline
}

/// What the letters have to say, one after the other.
fn assert_letters(databases: &Databases, expected: &[[&str; 4]]) {
    let letters = databases.at_destination(LETTERS);
    assert_eq!(letters.len(), expected.len(), "{letters:?}");
    for (letter, words) in letters.iter().zip(expected) {
        for word in words {
            assert!(letter.contains(word), "no {word} in {letter}");
        }
    }
}

#[test]
fn a_row_that_is_copied_is_a_dead_letter_and_the_others_arrive() {
    let databases = Databases::start();
    databases.at_source(&format!(
        "CREATE TABLE docs (note text, body text, id int PRIMARY KEY, pages text[]);
         INSERT INTO docs VALUES ('a', 'b', 1), ('a', {FITS}, 2), ('a', {LARGE}, 3), ('a', 'b', 4);
         INSERT INTO docs VALUES ('a', 'b', 5, ARRAY[{LARGE}]), ('a', NULL, 6, NULL);
         CREATE TABLE others (id int PRIMARY KEY); INSERT INTO others VALUES (1)"
    ));
    let pipeline = pipeline(&databases, "auto");
    let ended = pipeline.catch_up();
    assert_eq!(ended.status.code(), Some(4), "{}", ended.stderr);
    assert_letters(
        &databases,
        &[
            ["docs|insert", "column body (104857600 bytes)", "larger than", "\"id\":\"3\""],
            ["docs|insert", "column pages (104857602 bytes)", "larger than", "\"id\":\"5\""],
        ],
    );
    databases.at_source("DELETE FROM docs WHERE id IN (3, 5)");
    let ended = pipeline.catch_up();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert_eq!(databases.differences(), Vec::<String>::new());
}

#[test]
fn a_row_of_the_log_is_a_dead_letter_and_the_others_arrive() {
    for read_by in ["sql", "streaming"] {
        let databases = Databases::start();
        databases.at_source(
            "CREATE TABLE docs (id int PRIMARY KEY, note text, body text, more text);
             CREATE TABLE whole (id int PRIMARY KEY, body text);
             ALTER TABLE whole REPLICA IDENTITY FULL; INSERT INTO whole VALUES (1, 'a'), (2, 'b')",
        );
        let pipeline = pipeline(&databases, read_by);
        let mut running = pipeline.start();
        running.wait_for("following changes");
        databases.at_source(&format!(
            "BEGIN; INSERT INTO docs VALUES (1, 'a', 'b', 'c'), (2, 'a', {FITS}, 'c');
             INSERT INTO docs VALUES (3, 'a', {LARGE}, 'c'); INSERT INTO docs VALUES (4, 'a', 'b', 'c');
             UPDATE docs SET body = {LARGE} WHERE id = 1;
             UPDATE whole SET body = {LARGE} WHERE id = 1; DELETE FROM whole WHERE id = 1;
             UPDATE whole SET body = 'c' WHERE id = 2; COMMIT"
        ));
        let last = || databases.try_at_destination("SELECT body FROM whole");
        wait_until("the last row", || last() == Some(vec!["c".to_owned()]));
        let column = "column body: a value of 104857600 bytes";
        assert_letters(
            &databases,
            &[
                ["docs|insert", column, "larger than", "\"id\":\"3\""],
                ["docs|update", column, "larger than", "\"id\":\"1\""],
                ["whole|update", column, "larger than", "\"id\":\"1\""],
            ],
        );
        databases.at_source("DELETE FROM docs WHERE id IN (1, 3)");
        wait_until("all rows", || databases.differences().is_empty());
        running.kill();
    }
}

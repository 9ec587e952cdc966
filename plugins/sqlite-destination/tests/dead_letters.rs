//! Rows that SQLite refuses, and rows that never were rows.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::{Action, DeadLetter};
use serde_json::json;
use support::{Bed, Insert, Update, orders, rows, upsert};

const LETTERS: &str = "SELECT table_name, operation, payload, error_code, count, status
                       FROM cartridge_warp_metadata_dead_letter_queue ORDER BY id";

fn picky() -> Bed {
    let mut bed = Bed::new("{}");
    bed.run(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price TEXT
             CHECK (price <> '0.00'))",
    );
    bed.plan(&upsert(&orders())).unwrap();
    bed
}

fn mixed() -> cartridge_warp_sdk::TableRows {
    let all = [
        (Insert, json!({"id": 1, "name": "good", "price": "1.00"})),
        (Insert, json!({"id": 2, "name": null, "price": "1.00"})),
        (Update, json!({"id": 3, "name": "free", "price": "0.00"})),
        (Insert, json!({"name": "no key"})),
        (Insert, json!({"id": 4, "name": "good", "price": "2.00"})),
    ];
    rows(&orders(), &all)
}

#[test]
fn refused_rows_go_to_the_dead_letters_and_the_others_are_written() {
    let mut bed = picky();
    let outcome = bed.write(vec![mixed()]).unwrap();
    assert_eq!(outcome.rows_written, 2);
    let rejected: Vec<_> = outcome.rejected.iter().map(|r| (r.row, r.code.as_str())).collect();
    assert_eq!(rejected, [(1, "constraint"), (2, "constraint"), (3, "null-key")]);
    assert_eq!(bed.query("SELECT id FROM orders"), ["1", "4"]);
    assert_eq!(
        bed.query(LETTERS),
        [
            r#"orders|insert|{"id":2,"name":null,"price":"1.00"}|constraint|1|pending"#,
            r#"orders|update|{"id":3,"name":"free","price":"0.00"}|constraint|1|pending"#,
            r#"orders|insert|{"id":null,"name":"no key","price":null}|null-key|1|pending"#,
        ]
    );
}

#[test]
fn without_dead_letters_nothing_is_written_and_the_failure_names_the_row() {
    let mut bed = picky();
    let mut request = bed.request(vec![mixed()]);
    request.dead_letter_rejected = false;
    request.dead_letters = vec![DeadLetter::new("orders", "x", "y", "z", "o")];
    let failure =
        cartridge_warp_sdk::Destination::write_batch(&mut bed.destination, request).unwrap_err();
    assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, "row-rejected"));
    for word in ["row 1", "orders", "NOT NULL", "orders.name"] {
        assert!(failure.message.contains(word), "{word}: {failure}");
    }
    for table in ["orders", "cartridge_warp_metadata_dead_letter_queue"] {
        assert_eq!(bed.query(&format!("SELECT count(*) FROM {table}")), ["0"]);
    }
    assert!(bed.query("SELECT stream FROM cartridge_warp_metadata_sync_markers").is_empty());
}

#[test]
fn the_same_letter_again_raises_its_count_until_it_is_resolved() {
    let mut bed = Bed::new("{}");
    let letter = |payload: &str| DeadLetter::new("orders", "malformed-row", "m", payload, "f:1");
    for payload in ["{", "{", "["] {
        let mut request = bed.request(Vec::new());
        request.dead_letters = vec![letter(payload)];
        cartridge_warp_sdk::Destination::write_batch(&mut bed.destination, request).unwrap();
    }
    assert_eq!(
        bed.query(LETTERS),
        ["orders|unknown|{|malformed-row|2|pending", "orders|unknown|[|malformed-row|1|pending"]
    );
}

#[test]
fn a_trigger_that_rolls_back_stops_the_batch() {
    let mut bed = picky();
    bed.run(
        "CREATE TRIGGER t BEFORE INSERT ON orders WHEN new.id = 4
             BEGIN SELECT RAISE(ROLLBACK, 'no fours'); END",
    );
    let failure = bed.write(vec![mixed()]).unwrap_err();
    assert_eq!(failure.code, "row-rejected");
    assert_eq!(bed.query("SELECT count(*) FROM orders"), ["0"]);
    bed.run("DROP TRIGGER t");
    assert_eq!(bed.write(vec![mixed()]).unwrap().rows_written, 2);
}

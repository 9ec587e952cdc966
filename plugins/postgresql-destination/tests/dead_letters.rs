//! Rows that PostgreSQL refuses, and rows that never were rows.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::{Action, DeadLetter, Destination};
use serde_json::json;
use support::{Bed, Insert, Update, orders, rows, upsert};

const LETTERS: &str = "SELECT table_name, operation, payload, error_code, count, status
                       FROM cartridge_warp_metadata.dead_letter_queue ORDER BY id";

fn picky() -> Bed {
    let mut bed = Bed::new("{}");
    bed.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, name text NOT NULL, price numeric
             CHECK (price <> 0))",
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
    let good = (Insert, json!({"id": 1, "name": "good", "price": "1.00"}));
    let nameless = (Insert, json!({"id": 2, "name": null, "price": "1.00"}));
    for (bad, words) in [
        (nameless, ["row 1 ", "orders", "not-null", "\"name\""]),
        ((Insert, json!({"name": "no key"})), ["row 1 ", "orders", "null-key", "column id"]),
    ] {
        let mut request = bed.request(vec![rows(&orders(), &[good.clone(), bad])]);
        request.dead_letter_rejected = false;
        request.dead_letters = vec![DeadLetter::new("orders", "x", "y", "z", "o")];
        let failure = bed.destination.write_batch(request).unwrap_err();
        assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, "row-rejected"));
        for word in words {
            assert!(failure.message.contains(word), "{word}: {failure}");
        }
    }
    for table in ["orders", "cartridge_warp_metadata.dead_letter_queue"] {
        assert_eq!(bed.query(&format!("SELECT count(*) FROM {table}")), ["0"]);
    }
    assert!(bed.query("SELECT stream FROM cartridge_warp_metadata.sync_markers").is_empty());
}

#[test]
fn the_same_letter_again_raises_its_count_until_it_is_resolved() {
    let mut bed = Bed::new("{}");
    let letter = |payload: &str| DeadLetter::new("orders", "malformed-row", "m", payload, "f:1");
    for payload in ["{", "{", "["] {
        let mut request = bed.request(Vec::new());
        request.dead_letters = vec![letter(payload)];
        bed.destination.write_batch(request).unwrap();
    }
    assert_eq!(
        bed.query(LETTERS),
        ["orders|unknown|{|malformed-row|2|pending", "orders|unknown|[|malformed-row|1|pending"]
    );
}

#[test]
fn a_few_bad_rows_among_many_cost_only_themselves() {
    let mut bed = picky();
    let row = |id: i64| match id {
        // The server refuses these, and this one has no form in it.
        77 | 400 | 401 => (Insert, json!({"id": id, "name": "free", "price": "0.00"})),
        99 => (Insert, json!({"id": id, "name": "n\0l", "price": "1.00"})),
        _ => (Insert, json!({"id": id, "name": "good", "price": "1.00"})),
    };
    let all: Vec<_> = (0..1000).map(row).collect();
    let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
    let rejected: Vec<_> = outcome.rejected.iter().map(|r| (r.row, r.code.as_str())).collect();
    let expect =
        [(77, "constraint"), (99, "type-conversion"), (400, "constraint"), (401, "constraint")];
    assert_eq!(rejected, expect);
    assert_eq!(outcome.rows_written, 996);
    assert_eq!(bed.query("SELECT count(*) FROM orders"), ["996"]);
    let letters = "SELECT count(*) FROM cartridge_warp_metadata.dead_letter_queue";
    assert_eq!(bed.query(letters), ["4"]);
}

#[test]
fn what_a_key_was_before_its_bad_row_stays() {
    let all = [
        (Insert, json!({"id": 1, "name": "first", "price": "1.00"})),
        (Update, json!({"id": 1, "name": "bad", "price": "0.00"})),
        (Update, json!({"id": 1, "name": "last", "price": "~"})),
    ];
    for others in [0, 100, 3100] {
        let mut bed = picky();
        let other = |id| (Insert, json!({"id": id, "name": "other", "price": "1.00"}));
        let rest: Vec<_> = (10..10 + others).map(other).collect();
        let outcome = bed.write(vec![rows(&orders(), &[&all[..], &rest].concat())]).unwrap();
        let places: Vec<_> = outcome.rejected.iter().map(|rejected| rejected.row).collect();
        assert_eq!(places, [1], "{others}");
        assert_eq!(bed.query("SELECT * FROM orders WHERE id = 1"), ["1|last|1.00"], "{others}");
    }
}

#[test]
fn words_about_a_row_hold_none_of_its_values() {
    let table = cartridge_warp_sdk::Table::new("t")
        .column("id", cartridge_warp_sdk::ColumnType::BigInt)
        .with(
            cartridge_warp_sdk::Column::new("v", cartridge_warp_sdk::ColumnType::String)
                .origin("postgresql:interval"),
        )
        .key(["id"]);
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&table)).unwrap();
    let outcome =
        bed.write(vec![rows(&table, &[(Insert, json!({"id": 1, "v": "se\"cret"}))])]).unwrap();
    assert_eq!(outcome.rejected[0].code, "type-conversion");
    let message = &outcome.rejected[0].message;
    assert!(message.contains("interval") && !message.contains("cret"), "{message}");
    let letter = "SELECT payload, resolution FROM cartridge_warp_metadata.dead_letter_queue";
    assert_eq!(bed.query(letter), [r#"{"id":1,"v":"se\"cret"}|null"#]);
}

#[test]
fn constraints_that_wait_for_the_commit_are_found_too() {
    let mut bed = Bed::new("{}");
    bed.run(
        "CREATE TABLE names (name text PRIMARY KEY); INSERT INTO names VALUES ('known');
         CREATE TABLE orders (id bigint PRIMARY KEY, price numeric,
             name text REFERENCES names DEFERRABLE INITIALLY DEFERRED)",
    );
    bed.plan(&upsert(&orders())).unwrap();
    let all = [
        (Insert, json!({"id": 1, "name": "known"})),
        (Insert, json!({"id": 2, "name": "unknown"})),
    ];
    let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
    assert_eq!((outcome.rows_written, outcome.rejected.len()), (1, 1));
    assert_eq!(bed.query("SELECT id FROM orders"), ["1"]);
}

#[test]
fn rejected_rows_of_append_tables_are_found_by_halves() {
    let mut bed = Bed::new("{}");
    bed.run("CREATE TABLE orders (id bigint, name text CHECK (name <> 'bad'), price numeric)");
    bed.plan(&support::append(&orders())).unwrap();
    let row = |id: i64| (Insert, json!({"id": id, "name": if id == 33 { "bad" } else { "good" }}));
    let all: Vec<_> = (0..100).map(row).collect();
    let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
    assert_eq!((outcome.rows_written, outcome.rejected[0].row), (99, 33));
    assert_eq!(bed.query("SELECT count(*) FROM orders"), ["99"]);
}

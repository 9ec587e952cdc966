//! Rows that PostgreSQL refuses.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Bed, Insert, orders, rows, upsert};

fn picky() -> Bed {
    let mut bed = Bed::new("{}");
    bed.run(
        "CREATE TABLE orders (id bigint PRIMARY KEY, name text NOT NULL, price numeric
             CHECK (price <> 0))",
    );
    bed.plan(&upsert(&orders())).unwrap();
    bed
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

/// `parents`, and `children` that refer to them.
fn family() -> [cartridge_warp_sdk::Table; 2] {
    [("parents", "rank"), ("children", "parent")].map(|(name, refers)| {
        cartridge_warp_sdk::Table::new(name)
            .column("id", cartridge_warp_sdk::ColumnType::BigInt)
            .column(refers, cartridge_warp_sdk::ColumnType::BigInt)
            .key(["id"])
    })
}

#[test]
fn rows_of_tables_that_refer_to_each_other_go_in_any_order() {
    let [parents, children] = family();
    for words in ["", "DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"] {
        let mut bed = Bed::new("{}");
        bed.run(&format!(
            "CREATE TABLE parents (id bigint PRIMARY KEY, rank bigint);
             CREATE TABLE children (id bigint PRIMARY KEY,
                 parent bigint REFERENCES parents {words})"
        ));
        for table in [&parents, &children] {
            bed.plan(&upsert(table)).unwrap();
        }
        // The source's transaction wrote the parents first; a batch has its tables in any order.
        let (one, two) = (json!({"id": 1, "parent": 1}), json!({"id": 2, "parent": 2}));
        let lost = (Insert, json!({"id": 3, "parent": 9}));
        let there = rows(&children, &[(Insert, one), lost, (Insert, two)]);
        let of_parents = [1, 2].map(|id| (Insert, json!({"id": id, "rank": id})));
        let outcome = bed.write(vec![there, rows(&parents, &of_parents)]).unwrap();
        let rejected: Vec<_> = outcome.rejected.iter().map(|row| (row.batch, row.row)).collect();
        assert_eq!(rejected, [(0, 1)], "{words}: {outcome:?}");
        assert_eq!(bed.query("SELECT id, parent FROM children ORDER BY id"), ["1|1", "2|2"]);
        let gone = [(support::Delete, json!({"id": 1}))];
        let outcome = bed.write(vec![rows(&parents, &gone), rows(&children, &gone)]).unwrap();
        assert!(outcome.rejected.is_empty(), "{words}: {outcome:?}");
        assert_eq!(bed.query("SELECT id FROM parents"), ["2"], "{words}");
    }
}

#[test]
fn constraints_that_can_wait_do_until_all_rows_are_there() {
    for words in ["DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"] {
        for unique in ["UNIQUE (name)", "EXCLUDE USING btree (name WITH =)"] {
            let mut bed = Bed::new("{}");
            bed.run(&format!(
                "CREATE TABLE orders (id bigint PRIMARY KEY, name text NOT NULL, price numeric,
                     {unique} {words})"
            ));
            bed.plan(&upsert(&orders())).unwrap();
            let named = |id: i64, name: Option<&str>| (Insert, json!({"id": id, "name": name}));
            let first = [named(1, Some("a")), named(2, Some("b")), named(3, Some("c"))];
            bed.write(vec![rows(&orders(), &first)]).unwrap();
            // An exchange, and rows that are bad for other reasons and for this one.
            let all = [named(1, Some("b")), named(4, None), named(2, Some("a"))];
            let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
            let places: Vec<_> = outcome.rejected.iter().map(|row| row.row).collect();
            assert_eq!(places, [1], "{unique} {words}: {outcome:?}");
            assert_eq!(bed.query("SELECT name FROM orders ORDER BY id"), ["b", "a", "c"]);
            let all = [named(1, Some("x")), named(3, Some("a")), named(5, Some("y"))];
            let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
            let places: Vec<_> = outcome.rejected.iter().map(|row| row.row).collect();
            assert_eq!(places, [1], "{unique} {words}: {outcome:?}");
            assert_eq!(bed.query("SELECT name FROM orders ORDER BY id"), ["x", "a", "c", "y"]);
        }
    }
}

#[test]
fn tables_that_others_refer_to_are_emptied_too() {
    let [parents, children] = family();
    let mut bed = Bed::new("{}");
    for table in [&parents, &children] {
        bed.plan(&upsert(table)).unwrap();
    }
    bed.run("ALTER TABLE children ADD FOREIGN KEY (parent) REFERENCES parents");
    let there = [(Insert, json!({"id": 1}))];
    let refers = [(Insert, json!({"id": 1, "parent": 1}))];
    bed.write(vec![rows(&parents, &there), rows(&children, &refers)]).unwrap();
    let all = [(support::Truncate, json!({}))];
    let outcome = bed.write(vec![rows(&children, &all), rows(&parents, &all)]).unwrap();
    assert!(outcome.rejected.is_empty(), "{outcome:?}");
    for table in ["parents", "children"] {
        assert_eq!(bed.query(&format!("SELECT count(*) FROM {table}")), ["0"], "{table}");
    }
    // One that is copied anew is emptied before anything else.
    bed.write(vec![rows(&parents, &there), rows(&children, &refers)]).unwrap();
    bed.run("DELETE FROM children");
    let mut anew = bed.request(vec![rows(&parents, &there)]);
    anew.clear_tables = vec!["parents".to_owned()];
    bed.send(anew).unwrap();
    assert_eq!(bed.query("SELECT count(*) FROM parents"), ["1"]);
}

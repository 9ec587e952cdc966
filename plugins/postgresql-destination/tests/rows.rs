//! What each kind of row does to a table.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use cartridge_warp_sdk::{Operation, TablePlan};
use serde_json::{Value, json};
use support::{Bed, Delete, Insert, Truncate, Update, append, orders, rows, soft, upsert};

struct Case {
    name: &'static str,
    plan: fn(&cartridge_warp_sdk::Table) -> TablePlan,
    rows: Vec<(Operation, Value)>,
    columns: &'static str,
    end: &'static str,
    expect: &'static [&'static str],
}

/// Enough to need the staging table.
const STAGED: i32 = 3100;

/// Rows that do nothing but be there.
fn others_of(count: i32) -> impl Iterator<Item = (Operation, Value)> {
    (1000..1000 + count).map(|id| (Delete, json!({"id": id})))
}

fn check(cases: &[Case]) {
    for case in cases {
        // In one batch, again one row a batch, and once more among so many others that the rows go
        // as arrays or through the staging table: the result is the same.
        for (way, others) in [("together", 0), ("alone", 0), ("arrays", 100), ("staged", STAGED)] {
            let mut bed = Bed::new("{}");
            bed.plan(&(case.plan)(&orders())).unwrap();
            let mut all = case.rows.clone();
            all.extend(others_of(others));
            let chunk = if way == "alone" { 1 } else { all.len() };
            for part in all.chunks(chunk) {
                let outcome = bed.write(vec![rows(&orders(), part)]).unwrap();
                assert!(outcome.rejected.is_empty(), "{} {way}: {outcome:?}", case.name);
                assert_eq!(outcome.rows_written, part.len() as u64, "{} {way}", case.name);
            }
            let sql = format!("SELECT {} FROM orders {}", case.columns, case.end);
            assert_eq!(bed.query(&sql), case.expect, "{} {way}", case.name);
        }
    }
}

const DATA: &str = "id, name, price";
const BY_ID: &str = "ORDER BY id";

#[test]
fn upserts_and_hard_deletes() {
    let case =
        |name, rows, expect| Case { name, plan: upsert, rows, columns: DATA, end: BY_ID, expect };
    check(&[
        case(
            "an insert of a key that is there replaces the row",
            vec![
                (Insert, json!({"id": 1, "name": "a", "price": "1.50"})),
                (Insert, json!({"id": 1, "name": "b", "price": null})),
            ],
            &["1|b|null"],
        ),
        case(
            "an update of a missing row inserts it",
            vec![(Update, json!({"id": 2, "name": "late", "price": "0.05"}))],
            &["2|late|0.05"],
        ),
        case(
            "a value that was not sent keeps the stored one",
            vec![
                (Insert, json!({"id": 1, "name": "a", "price": "1.50"})),
                (Update, json!({"id": 1, "name": "~", "price": "2.00"})),
                (Update, json!({"id": 1, "name": "b", "price": "~"})),
            ],
            &["1|b|2.00"],
        ),
        case(
            "delete and insert of a key in one batch end with the row",
            vec![
                (Insert, json!({"id": 1, "name": "old", "price": "1.00"})),
                (Delete, json!({"id": 1})),
                (Insert, json!({"id": 1, "name": "new"})),
            ],
            &["1|new|null"],
        ),
        case(
            "insert and delete end without it, and a second delete does nothing",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Delete, json!({"id": 1})),
                (Delete, json!({"id": 1})),
            ],
            &[],
        ),
        case(
            "a truncate spares what comes after it",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Truncate, json!({})),
                (Insert, json!({"id": 2, "name": "b"})),
            ],
            &["2|b|null"],
        ),
    ]);
}

#[test]
fn soft_deletes() {
    let columns = "id, name, is_deleted, deleted_at";
    let case = |name, rows, expect| Case { name, plan: soft, rows, columns, end: BY_ID, expect };
    check(&[
        case(
            "a delete marks the row",
            vec![(Insert, json!({"id": 1, "name": "a"})), (Delete, json!({"id": 1}))],
            &["1|a|t|2024-05-01 12:00:00+00"],
        ),
        case(
            "a later insert clears both columns",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Delete, json!({"id": 1})),
                (Insert, json!({"id": 1, "name": "b"})),
            ],
            &["1|b|f|null"],
        ),
        case(
            "so does a partial update",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Delete, json!({"id": 1})),
                (Update, json!({"id": 1, "name": "~"})),
            ],
            &["1|a|f|null"],
        ),
        case(
            "a truncate marks all",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Insert, json!({"id": 2, "name": "b"})),
                (Truncate, json!({})),
            ],
            &["1|a|t|2024-05-01 12:00:00+00", "2|b|t|2024-05-01 12:00:00+00"],
        ),
    ]);
}

#[test]
fn append_keeps_every_operation() {
    check(&[Case {
        name: "one row per operation, truncates too",
        plan: append,
        rows: vec![
            (Insert, json!({"id": 1, "name": "a"})),
            (Update, json!({"id": 1, "name": "b", "price": "~"})),
            (Delete, json!({"id": 1})),
            (Truncate, json!({})),
        ],
        end: "WHERE id IS NULL OR id < 1000",
        columns: "id, name, _cartridge_op, _cartridge_ts, _cartridge_unchanged",
        expect: &[
            "1|a|insert|2024-05-01 12:00:00+00|null",
            "1|b|update|2024-05-01 12:00:00+00|[\"price\"]",
            "1|null|delete|2024-05-01 12:00:00+00|null",
            "null|null|truncate|2024-05-01 12:00:00+00|null",
        ],
    }]);
}

#[test]
fn audit_columns_count_versions() {
    let mut bed = Bed::new(r#"{"audit_columns": true}"#);
    bed.plan(&soft(&orders())).unwrap();
    let one = |operation| rows(&orders(), &[(operation, json!({"id": 1, "name": "a"}))]);
    bed.write(vec![one(Insert), one(Update), one(Delete)]).unwrap();
    assert_eq!(
        bed.query(
            "SELECT _cartridge_version, _cartridge_created_at <= _cartridge_updated_at FROM orders"
        ),
        ["3|t"]
    );
}

#[test]
fn a_table_of_keys_only_and_keys_of_several_columns() {
    let table = cartridge_warp_sdk::Table::new("pairs")
        .column("a", cartridge_warp_sdk::ColumnType::String)
        .column("b", cartridge_warp_sdk::ColumnType::Integer)
        .key(["b", "a"]);
    let mut bed = Bed::new("{}");
    bed.plan(&upsert(&table)).unwrap();
    let batch = [
        (Insert, json!({"a": "x", "b": 1})),
        (Insert, json!({"a": "x", "b": 1})),
        (Insert, json!({"a": "x", "b": 2})),
        (Delete, json!({"a": "x", "b": 1})),
    ];
    bed.write(vec![rows(&table, &batch)]).unwrap();
    assert_eq!(bed.query("SELECT a, b FROM pairs"), ["x|2"]);
}

#[test]
fn new_rows_are_copied_and_rows_that_are_there_are_updated() {
    let mut bed = Bed::new("{}");
    bed.plan(&soft(&orders())).unwrap();
    let batch = |ids: std::ops::Range<i32>, name: &str| {
        let row = |id| (Insert, json!({"id": id, "name": name, "price": "1.00"}));
        rows(&orders(), &ids.map(row).collect::<Vec<_>>())
    };
    bed.write(vec![batch(0..500, "a")]).unwrap();
    bed.write(vec![batch(250..750, "b"), batch(700..800, "c")]).unwrap();
    bed.write(vec![batch(800..1000, "d")]).unwrap();
    assert_eq!(
        bed.query("SELECT name, count(*), bool_or(is_deleted) FROM orders GROUP BY 1 ORDER BY 1"),
        ["a|250|f", "b|450|f", "c|100|f", "d|200|f"]
    );
    let mut request = bed.request(vec![batch(0..100, "e")]);
    request.clear_tables = vec!["orders".to_owned()];
    cartridge_warp_sdk::Destination::write_batch(&mut bed.destination, request).unwrap();
    assert_eq!(bed.query("SELECT count(*), max(name) FROM orders"), ["100|e"]);
}

#[test]
fn partial_updates_spare_columns_that_an_existing_table_demands() {
    for others in [0, 100, STAGED] {
        let mut bed = Bed::new("{}");
        bed.run("CREATE TABLE orders (id bigint PRIMARY KEY, name text NOT NULL, price numeric)");
        bed.plan(&upsert(&orders())).unwrap();
        let mut batch = vec![(Insert, json!({"id": 1, "name": "a", "price": "1.00"}))];
        bed.write(vec![rows(&orders(), &batch)]).unwrap();
        batch = vec![
            (Update, json!({"id": 1, "name": "~", "price": "2.00"})),
            (Insert, json!({"id": 2, "name": "b", "price": "3.00"})),
            (Update, json!({"id": 2, "name": "~", "price": "4.00"})),
        ];
        batch.extend(others_of(others));
        bed.write(vec![rows(&orders(), &batch)]).unwrap();
        assert_eq!(bed.query("SELECT * FROM orders ORDER BY id"), ["1|a|2.00", "2|b|4.00"]);
    }
}

#[test]
fn random_histories_end_as_if_applied_one_by_one() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for round in 0..6 {
        let plan = if round % 2 == 0 { upsert } else { soft };
        let history: Vec<(Operation, Value)> = (0..300)
            .map(|at| {
                let id = next(25);
                let name = if next(3) == 0 { "~".to_owned() } else { format!("n{at}") };
                let price = if next(3) == 0 { json!("~") } else { json!(format!("{at}.00")) };
                match next(10) {
                    0..=2 => (Delete, json!({"id": id})),
                    3..=4 => (Insert, json!({"id": id, "name": format!("i{at}"), "price": null})),
                    _ if next(60) == 0 => (Truncate, json!({})),
                    _ => (Update, json!({"id": id, "name": name, "price": price})),
                }
            })
            .collect();
        let result = |chunk: usize, others: i32| {
            let mut bed = Bed::new(r#"{"audit_columns": true}"#);
            bed.plan(&plan(&orders())).unwrap();
            for part in history.chunks(chunk) {
                let part: Vec<_> = part.iter().cloned().chain(others_of(others)).collect();
                bed.write(vec![rows(&orders(), &part)]).unwrap();
            }
            let soft = if round % 2 == 0 { "" } else { ", is_deleted, deleted_at" };
            bed.query(&format!(
                "SELECT id, name, price, _cartridge_version{soft} FROM orders ORDER BY 1"
            ))
        };
        let one_by_one = result(1, 0);
        assert!(!one_by_one.is_empty());
        for (chunk, others) in [(7, 0), (100, 0), (150, 100), (100, STAGED)] {
            let together = result(chunk, others);
            assert_eq!(together, one_by_one, "round {round}, {chunk} rows and {others}");
        }
    }
}

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
    expect: &'static [&'static str],
}

fn check(cases: Vec<Case>) {
    for case in cases {
        // In one batch, and again one row a batch: the result is the same.
        for chunk in [usize::MAX, 1] {
            let mut bed = Bed::new("{}");
            bed.plan(&(case.plan)(&orders())).unwrap();
            let chunk = chunk.min(case.rows.len());
            for part in case.rows.chunks(chunk) {
                let outcome = bed.write(vec![rows(&orders(), part)]).unwrap();
                assert!(outcome.rejected.is_empty(), "{}", case.name);
                assert_eq!(outcome.rows_written, part.len() as u64, "{}", case.name);
            }
            let sql = format!("SELECT {} FROM orders ORDER BY rowid", case.columns);
            assert_eq!(bed.query(&sql), case.expect, "{}", case.name);
        }
    }
}

const DATA: &str = "id, name, price";

#[test]
fn upserts_and_hard_deletes() {
    let case = |name, rows, expect| Case { name, plan: upsert, rows, columns: DATA, expect };
    check(vec![
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
    let case = |name, rows, expect| Case { name, plan: soft, rows, columns, expect };
    check(vec![
        case(
            "a delete marks the row",
            vec![(Insert, json!({"id": 1, "name": "a"})), (Delete, json!({"id": 1}))],
            &["1|a|1|2024-05-01T12:00:00.000000Z"],
        ),
        case(
            "a later insert clears both columns",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Delete, json!({"id": 1})),
                (Insert, json!({"id": 1, "name": "b"})),
            ],
            &["1|b|0|null"],
        ),
        case(
            "so does a partial update",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Delete, json!({"id": 1})),
                (Update, json!({"id": 1, "name": "~"})),
            ],
            &["1|a|0|null"],
        ),
        case(
            "a truncate marks all",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Insert, json!({"id": 2, "name": "b"})),
                (Truncate, json!({})),
            ],
            &["1|a|1|2024-05-01T12:00:00.000000Z", "2|b|1|2024-05-01T12:00:00.000000Z"],
        ),
    ]);
}

#[test]
fn append_keeps_every_operation() {
    check(vec![Case {
        name: "one row per operation, truncates too",
        plan: append,
        rows: vec![
            (Insert, json!({"id": 1, "name": "a"})),
            (Update, json!({"id": 1, "name": "b", "price": "~"})),
            (Delete, json!({"id": 1})),
            (Truncate, json!({})),
        ],
        columns: "id, name, _cartridge_op, _cartridge_ts, _cartridge_unchanged",
        expect: &[
            "1|a|insert|2024-05-01T12:00:00.000000Z|null",
            "1|b|update|2024-05-01T12:00:00.000000Z|[\"price\"]",
            "1|null|delete|2024-05-01T12:00:00.000000Z|null",
            "null|null|truncate|2024-05-01T12:00:00.000000Z|null",
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
        ["3|1"]
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

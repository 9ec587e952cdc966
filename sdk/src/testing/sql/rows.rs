//! What each kind of row does to a table.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Bed, Bench, append, orders, rows, soft, upsert};
use crate::Operation::{self, Delete, Insert, Snapshot, Truncate, Update};
use crate::{ColumnType, Deletion, Table, TablePlan};

type Rows = Vec<(Operation, Value)>;

struct Case {
    name: &'static str,
    rows: Rows,
    expect: Vec<String>,
}

fn case<S: Into<String>>(name: &'static str, rows: Rows, expect: Vec<S>) -> Case {
    Case { name, rows, expect: expect.into_iter().map(Into::into).collect() }
}

/// Rows that do nothing but be there.
fn others(count: i32) -> impl Iterator<Item = (Operation, Value)> {
    (1000..1000 + count).map(|id| (Delete, json!({"id": id})))
}

/// In one batch, again one row a batch, and once more among so many others that a destination may write
/// them in another way: the result is the same.
fn check<B: Bench>(plan: fn(&Table) -> TablePlan, columns: &str, cases: Vec<Case>) {
    for Case { name, rows: of_case, expect } in cases {
        for (way, count) in [("together", 0), ("alone", 0), ("some", 100), ("many", 3100)] {
            let mut bed = Bed::<B>::new("{}");
            bed.plan(&plan(&orders())).unwrap();
            let all: Rows = of_case.iter().cloned().chain(others(count)).collect();
            let chunk = if way == "alone" { 1 } else { all.len() };
            for part in all.chunks(chunk) {
                let outcome = bed.write(vec![rows(&orders(), part)]).unwrap();
                assert!(outcome.rejected.is_empty(), "{name}, {way}: {outcome:?}");
                assert_eq!(outcome.rows_written, part.len() as u64, "{name}, {way}");
            }
            let sql = format!("SELECT {columns} FROM orders WHERE id IS NULL OR id < 1000");
            let order = if columns.contains("_op") { "id IS NULL, _cartridge_op" } else { "id" };
            assert_eq!(bed.query(&format!("{sql} ORDER BY {order}")), expect, "{name}, {way}");
        }
    }
}

/// The last operation on a key wins, and what was not sent stays.
pub fn upserts_and_hard_deletes<B: Bench>() {
    let cases = vec![
        case(
            "an insert of a key that is there replaces the row",
            vec![
                (Insert, json!({"id": 1, "name": "a", "price": "1.50"})),
                (Insert, json!({"id": 1, "name": "b", "price": null})),
            ],
            vec!["1|b|null"],
        ),
        case(
            "an update of a missing row inserts it",
            vec![(Update, json!({"id": 2, "name": "late", "price": "0.05"}))],
            vec!["2|late|0.05"],
        ),
        case(
            "a value that was not sent keeps the stored one",
            vec![
                (Insert, json!({"id": 1, "name": "a", "price": "1.50"})),
                (Update, json!({"id": 1, "name": "~", "price": "2.00"})),
                (Update, json!({"id": 1, "name": "b", "price": "~"})),
            ],
            vec!["1|b|2.00"],
        ),
        case(
            "delete and insert of a key in one batch end with the row",
            vec![
                (Insert, json!({"id": 1, "name": "old", "price": "1.00"})),
                (Delete, json!({"id": 1})),
                (Insert, json!({"id": 1, "name": "new"})),
            ],
            vec!["1|new|null"],
        ),
        case::<&str>(
            "insert and delete end without it, and a second delete does nothing",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Delete, json!({"id": 1})),
                (Delete, json!({"id": 1})),
            ],
            vec![],
        ),
        case(
            "a truncate spares what comes after it",
            vec![
                (Insert, json!({"id": 1, "name": "a"})),
                (Truncate, json!({})),
                (Insert, json!({"id": 2, "name": "b"})),
            ],
            vec!["2|b|null"],
        ),
    ];
    check::<B>(upsert, "id, name, price", cases);
}

/// They mark the row; whatever comes later clears the mark.
pub fn soft_deletes<B: Bench>() {
    let gone = |row: &str| format!("{row}|{}|{}", B::WORDS.yes, B::WORDS.noon);
    let there = |row: &str| format!("{row}|{}|null", B::WORDS.no);
    let a = || (Insert, json!({"id": 1, "name": "a"}));
    let delete = || (Delete, json!({"id": 1}));
    let cases = vec![
        case("a delete marks the row", vec![a(), delete()], vec![gone("1|a")]),
        case(
            "a later insert clears both columns",
            vec![a(), delete(), (Insert, json!({"id": 1, "name": "b"}))],
            vec![there("1|b")],
        ),
        case(
            "so does a partial update",
            vec![a(), delete(), (Update, json!({"id": 1, "name": "~"}))],
            vec![there("1|a")],
        ),
        case(
            "a truncate marks all",
            vec![a(), (Insert, json!({"id": 2, "name": "b"})), (Truncate, json!({}))],
            vec![gone("1|a"), gone("2|b")],
        ),
    ];
    check::<B>(soft, "id, name, is_deleted, deleted_at", cases);
}

/// The columns that soft deletes write may be called anything: the application has its own `deleted_at`.
pub fn soft_deletes_leave_the_applications_columns_alone<B: Bench>() {
    let table = Table::new("orders")
        .column("id", ColumnType::BigInt)
        .column("deleted_at", ColumnType::String)
        .key(["id"]);
    let (column, deleted_at) = ("gone".to_owned(), "gone_at".to_owned());
    let plan = TablePlan { deletion: Deletion::Soft { column, deleted_at }, ..upsert(&table) };
    let mut bed = Bed::<B>::new("{}");
    bed.plan(&plan).unwrap();
    let own = json!({"id": 1, "deleted_at": "never"});
    let batch = rows(&table, &[(Insert, own), (Delete, json!({"id": 1}))]);
    bed.write(vec![batch.clone()]).unwrap();
    let sql = "SELECT id, deleted_at, gone, gone_at FROM orders";
    let gone = format!("1|never|{}|{}", B::WORDS.yes, B::WORDS.noon);
    assert_eq!(bed.query(sql), [gone]);
    // Another connection knows it by what is stored.
    let mut bed = Bed::on(bed.bench);
    bed.plan(&upsert(&table)).unwrap();
    bed.write(vec![rows(&table, &[(Insert, json!({"id": 1, "deleted_at": "now"}))])]).unwrap();
    assert_eq!(bed.query(sql), [format!("1|now|{}|null", B::WORDS.no)]);
}

/// Truncates too.
pub fn append_keeps_every_operation<B: Bench>() {
    let noon = B::WORDS.noon;
    let cases = vec![case(
        "one row per operation",
        vec![
            (Snapshot, json!({"id": 1, "name": "c"})),
            (Insert, json!({"id": 1, "name": "a"})),
            (Update, json!({"id": 1, "name": "b", "price": "~"})),
            (Delete, json!({"id": 1})),
            (Truncate, json!({})),
        ],
        vec![
            format!("1|null|delete|{noon}|null"),
            format!("1|a|insert|{noon}|null"),
            format!("1|c|snapshot|{noon}|null"),
            format!("1|b|update|{noon}|[\"price\"]"),
            format!("null|null|truncate|{noon}|null"),
        ],
    )];
    let columns = "id, name, _cartridge_op, _cartridge_ts, _cartridge_unchanged";
    check::<B>(append, columns, cases);
}

/// Over batches of any size, several tables in one, and connections.
pub fn rows_of_logs_are_numbered_in_their_order<B: Bench>() {
    let mut bed = Bed::<B>::new("{}");
    let mut count = 0;
    for sizes in [&[1, 7][..], &[50, 3], &[3200]] {
        bed.plan(&append(&orders())).unwrap();
        let mut batch = |size: &i64| {
            let ids = count..count + size;
            count += size;
            let of_id = |id: i64| (Insert, json!({"id": id, "name": "a", "price": "1.00"}));
            rows(&orders(), &ids.map(of_id).collect::<Rows>())
        };
        let batches: Vec<_> = sizes.iter().map(&mut batch).collect();
        // A row that is refused takes the others another way.
        let refused = rows(&orders(), &[(Insert, json!({"id": -1, "name": "\u{0}"}))]);
        bed.write(batches.into_iter().chain([refused]).collect()).unwrap();
        bed = reconnected(bed);
    }
    let ids = bed.query("SELECT id FROM orders WHERE id >= 0 ORDER BY _cartridge_seq");
    assert_eq!(ids, (0..count).map(|id| id.to_string()).collect::<Vec<_>>());
    let distinct = "SELECT count(*) - count(DISTINCT _cartridge_seq) FROM orders";
    assert_eq!(bed.query(distinct), ["0"]);
}

/// Logs of releases that did not number their rows go on; one whose metadata is gone does not.
pub fn logs_go_on_only_where_they_are_known<B: Bench>() {
    let one = |id: i64| vec![rows(&orders(), &[(Insert, json!({"id": id, "name": "a"}))])];
    let mut bed = Bed::<B>::new("{}");
    bed.plan(&append(&orders())).unwrap();
    bed.write(one(1)).unwrap();
    bed.run("ALTER TABLE orders DROP COLUMN _cartridge_seq");
    let mut bed = reconnected(bed);
    bed.plan(&append(&orders())).unwrap();
    bed.run("CREATE UNIQUE INDEX of_numbers ON orders (_cartridge_seq)");
    let mut bed = reconnected(bed);
    bed.plan(&append(&orders())).unwrap();
    bed.write(one(2)).unwrap();
    let numbered = "SELECT id, _cartridge_seq IS NOT NULL FROM orders ORDER BY id";
    let (no, yes) = (B::WORDS.no, B::WORDS.yes);
    assert_eq!(bed.query(numbered), [format!("1|{no}"), format!("2|{yes}")]);
    bed.run(&format!("DELETE FROM {}", bed.bench.metadata(crate::sql::TABLES)));
    let mut bed = reconnected(bed);
    assert_eq!(bed.plan(&append(&orders())).unwrap_err().code, "unknown-log");
}

fn reconnected<B: Bench>(mut bed: Bed<B>) -> Bed<B> {
    let another = bed.bench.connect();
    *bed.bench.destination() = another;
    Bed::on(bed.bench)
}

/// An option, so that nobody pays for them who does not want them.
pub fn audit_columns_count_versions<B: Bench>() {
    let mut bed = Bed::<B>::new(r#"{"audit_columns": true}"#);
    bed.plan(&soft(&orders())).unwrap();
    let one = |operation| rows(&orders(), &[(operation, json!({"id": 1, "name": "a"}))]);
    bed.write(vec![one(Insert), one(Update), one(Delete)]).unwrap();
    let sql =
        "SELECT _cartridge_version, _cartridge_created_at <= _cartridge_updated_at FROM orders";
    assert_eq!(bed.query(sql), [format!("3|{}", B::WORDS.yes)]);
}

/// There is nothing to set then.
pub fn keys_of_several_columns_and_nothing_else<B: Bench>() {
    let table = Table::new("pairs")
        .column("a", ColumnType::String)
        .column("b", ColumnType::Integer)
        .key(["b", "a"]);
    let mut bed = Bed::<B>::new("{}");
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

/// In batches of any size.
pub fn random_histories_end_as_if_applied_one_by_one<B: Bench>() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..6 {
        let plan = if round % 2 == 0 { upsert } else { soft };
        let mut live = BTreeSet::new();
        let history: Rows = (0..300).map(|at| random.operation(at, &mut live)).collect();
        let result = |chunk: usize, count: i32| {
            let mut bed = Bed::<B>::new(r#"{"audit_columns": true}"#);
            bed.plan(&plan(&orders())).unwrap();
            for part in history.chunks(chunk) {
                let part: Rows = part.iter().cloned().chain(others(count)).collect();
                bed.write(vec![rows(&orders(), &part)]).unwrap();
            }
            let soft = if round % 2 == 0 { "" } else { ", is_deleted, deleted_at" };
            bed.query(&format!(
                "SELECT id, name, price, _cartridge_version{soft} FROM orders ORDER BY 1"
            ))
        };
        let one_by_one = result(1, 0);
        assert!(!one_by_one.is_empty());
        for (chunk, count) in [(7, 0), (100, 0), (150, 100), (100, 3100)] {
            let together = result(chunk, count);
            assert_eq!(together, one_by_one, "round {round}, {chunk} rows and {count}");
        }
    }
}

/// The same numbers each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    /// Only updates of rows that are there leave values out.
    fn operation(&mut self, at: u32, live: &mut BTreeSet<u64>) -> (Operation, Value) {
        let id = self.next(25);
        let is_live = live.contains(&id);
        let name = if self.next(3) == 0 && is_live { "~".to_owned() } else { format!("n{at}") };
        let price = self.next(3) == 0 && is_live;
        let price = if price { json!("~") } else { json!(format!("{at}.00")) };
        match self.next(10) {
            0..=2 => {
                live.remove(&id);
                (Delete, json!({"id": id}))
            }
            3..=4 => {
                live.insert(id);
                (Insert, json!({"id": id, "name": format!("i{at}"), "price": null}))
            }
            _ if self.next(60) == 0 => {
                live.clear();
                (Truncate, json!({}))
            }
            _ => {
                live.insert(id);
                (Update, json!({"id": id, "name": name, "price": price}))
            }
        }
    }
}

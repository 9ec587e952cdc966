//! Tables that are copied again while their rows stay.

use serde_json::json;

use super::{Bed, Bench, marker, orders, rows, soft, upsert};
use crate::{
    Action, DeadLetter, Destination, Operation::Delete, Operation::Insert, SweepRequest, Swept,
    Table, TableRows, TableWriter, Value,
};

const KEYS: &str = "_keys";

fn request<B>(bed: &Bed<B>, markers: &[u8]) -> SweepRequest {
    SweepRequest {
        schema: "shop".to_owned(),
        table: "orders".to_owned(),
        keys: KEYS.to_owned(),
        markers: vec![marker("sweep", markers)],
        epoch: bed.epoch,
    }
}

/// The table of keys that belongs to a table.
fn keys_of(table: &Table) -> Table {
    let mut keys = Table::new(KEYS);
    let mut names = Vec::new();
    for (at, name) in table.key.iter().enumerate() {
        let column = table.columns.iter().find(|column| column.name == *name).unwrap();
        names.push(format!("k{at}"));
        keys = keys.column(format!("k{at}").as_str(), column.column_type.clone());
    }
    keys.key(names)
}

/// `orders` with these numbers, and a sweep that has begun.
fn begun<B: Bench>(plan: &crate::TablePlan, ids: impl Iterator<Item = u64>) -> Bed<B> {
    let mut bed = Bed::<B>::new("{}");
    bed.plan(plan).unwrap();
    let all: Vec<_> =
        ids.map(|id| (Insert, json!({"id": id, "name": "old", "price": "1.00"}))).collect();
    bed.write(vec![rows(&orders(), &all)]).unwrap();
    let mut letters = bed.request(Vec::new());
    letters.dead_letters = vec![DeadLetter::new("orders", "c", "m", "p", "o")];
    bed.send(letters).unwrap();
    bed.plan(&upsert(&keys_of(&orders()))).unwrap();
    let begin = request(&bed, b"begun");
    assert_eq!(bed.bench.destination().begin_sweep(&begin).unwrap(), None);
    bed
}

/// A row and its key, as the host sends them.
fn copied(id: u64) -> Vec<TableRows> {
    let row = rows(&orders(), &[(Insert, json!({"id": id, "name": "new", "price": "2.00"}))]);
    vec![row, rows(&keys_of(&orders()), &[(Insert, json!({"k0": id}))])]
}

fn swept<B: Bench>(bed: &mut Bed<B>) -> u64 {
    let request = request(bed, b"swept");
    let swept = bed.bench.destination().sweep(&request).unwrap();
    assert!(swept.done);
    swept.rows
}

/// Nothing is missing before that, the letters of before are settled, and the keys are gone in the end.
pub fn rows_that_are_left_over_end_at_once<B: Bench>() {
    let mut bed = begun::<B>(&upsert(&orders()), 1..=40);
    assert_eq!(bed.letters(), ["orders|unknown|p|c|1|resolved"]);
    for id in 2..=41 {
        bed.write(copied(id)).unwrap();
        let there = if id == 41 { "41" } else { "40" };
        assert_eq!(bed.query("SELECT count(*) FROM orders"), [there]);
    }
    assert_eq!(swept(&mut bed), 1);
    let new = "SELECT count(*), min(id), max(id) FROM orders WHERE name = 'new'";
    assert_eq!(bed.query(new), ["40|2|41"]);
    assert_eq!(bed.query("SELECT count(*) FROM orders"), ["40"]);
    let stored = bed.bench.destination().get_marker("shop", "sweep").unwrap();
    assert_eq!(stored.as_deref(), Some(&b"swept"[..]));
    let tables = format!("SELECT table_name FROM {}", bed.bench.metadata(crate::sql::TABLES));
    assert_eq!(bed.query(&tables), ["orders"]);
    // The name is free again, and nothing is remembered of the first time.
    bed.plan(&upsert(&keys_of(&orders()))).unwrap();
    let begin = request(&bed, b"again");
    assert_eq!(bed.bench.destination().begin_sweep(&begin).unwrap(), None);
    bed.write(copied(7)).unwrap();
    assert_eq!(swept(&mut bed), 39);
    assert_eq!(bed.query("SELECT id FROM orders"), ["7"]);
}

/// Whoever goes on plans both tables anew; what was copied before counts. Beginning again forgets it.
pub fn a_sweep_goes_on_with_another_connection<B: Bench>() {
    let mut bed = begun::<B>(&upsert(&orders()), 1..=3);
    bed.write(copied(1)).unwrap();
    let mut other = bed.bench.connect();
    let epoch = other.claim_schema("shop", "other").unwrap();
    for plan in [upsert(&orders()), upsert(&keys_of(&orders()))] {
        other.create_table_if_not_exists("shop", &plan, epoch).unwrap();
    }
    let old = request(&bed, b"x");
    let failures = [
        bed.bench.destination().begin_sweep(&old).unwrap_err(),
        bed.bench.destination().sweep(&old).unwrap_err(),
    ];
    for failure in failures {
        assert_eq!((failure.action, failure.code.as_str()), (Action::Stop, "fenced"), "{failure}");
    }
    bed.epoch = epoch;
    let mut more = bed.request(copied(2));
    more.epoch = epoch;
    other.write_batch(more).unwrap();
    assert_eq!(other.sweep(&request(&bed, b"swept")).unwrap(), Swept { rows: 1, done: true });
    assert_eq!(bed.query("SELECT id FROM orders ORDER BY id"), ["1", "2"]);
}

/// They are marked, those that were marked before stay so, and one that is back is none.
pub fn soft_deletes_mark_what_is_left_over<B: Bench>() {
    let mut bed = begun::<B>(&soft(&orders()), 1..=4);
    let gone = [3, 4].map(|id| (Delete, json!({"id": id})));
    bed.write(vec![rows(&orders(), &gone)]).unwrap();
    let before = bed.query("SELECT deleted_at FROM orders WHERE id = 4");
    for id in [2, 3] {
        bed.write(copied(id)).unwrap();
    }
    assert_eq!(swept(&mut bed), 1);
    let (yes, no) = (B::WORDS.yes, B::WORDS.no);
    assert_eq!(
        bed.query("SELECT id, name, is_deleted FROM orders ORDER BY id"),
        [
            format!("1|old|{yes}"),
            format!("2|new|{no}"),
            format!("3|new|{no}"),
            format!("4|old|{yes}")
        ]
    );
    assert_eq!(bed.query("SELECT deleted_at FROM orders WHERE id = 4"), before);
}

/// Keys of any type and number.
pub fn keys_of_any_type_are_swept<B: Bench>() {
    for (column_type, stays, goes) in [
        ("string", Value::Str("ключ \"'"), Value::Str("Ключ \"'")),
        ("bigint", Value::I64(-7), Value::I64(7)),
        ("decimal(30,10)", Value::Str("1.5"), Value::Str("1.6")),
        ("double", Value::F64(-0.0), Value::F64(1.5)),
        ("timestamptz", Value::TimestampTz(1), Value::TimestampTz(2)),
        ("uuid", Value::Uuid([1; 16]), Value::Uuid([2; 16])),
        ("binary", Value::Bytes(&[0]), Value::Bytes(&[])),
        ("boolean", Value::Bool(false), Value::Bool(true)),
    ] {
        let column_type: crate::ColumnType = column_type.parse().unwrap();
        let table = Table::new("orders")
            .column("\"n", crate::ColumnType::BigInt)
            .column("k", column_type.clone())
            .key(["k", "\"n"]);
        let keys = keys_of(&table);
        let mut bed = Bed::<B>::new("{}");
        bed.plan(&upsert(&table)).unwrap();
        bed.plan(&upsert(&keys)).unwrap();
        let mut all = TableWriter::changes(&table);
        let mut kept = TableWriter::changes(&keys);
        for number in [1, 2] {
            for value in [&stays, &goes] {
                all.push(Insert, [Value::I64(number), value.clone()]).unwrap();
            }
        }
        kept.push(Insert, [stays.clone(), Value::I64(2)]).unwrap();
        bed.write(vec![all.finish().unwrap()]).unwrap();
        let begin = request(&bed, b"begun");
        assert_eq!(bed.bench.destination().begin_sweep(&begin).unwrap(), None, "{column_type}");
        bed.write(vec![kept.finish().unwrap()]).unwrap();
        assert_eq!(swept(&mut bed), 3, "{column_type}");
        assert_eq!(bed.query("SELECT \"\"\"n\" FROM orders"), ["2"], "{column_type}");
    }
}

/// A new row could not come while an old one has its value, or is referred to.
pub fn a_table_with_other_constraints_is_not_swept<B: Bench>() {
    for (what, sql) in [
        ("index", "CREATE UNIQUE INDEX names ON orders (name)"),
        ("index", "CREATE UNIQUE INDEX names ON orders (id, name)"),
        ("index", "CREATE UNIQUE INDEX names ON orders (id) WHERE name = 'x'"),
        ("index", "CREATE UNIQUE INDEX lower_names ON orders (lower(name))"),
        ("foreign keys", "CREATE TABLE lines (of_order {} REFERENCES orders (id))"),
    ] {
        let mut bed = Bed::<B>::new("{}");
        bed.plan(&upsert(&orders())).unwrap();
        bed.run(&sql.replace("{}", B::WORDS.key));
        bed.write(vec![rows(&orders(), &[(Insert, json!({"id": 1}))])]).unwrap();
        bed.plan(&upsert(&keys_of(&orders()))).unwrap();
        let begin = request(&bed, b"begun");
        let reason = bed.bench.destination().begin_sweep(&begin).unwrap();
        assert!(reason.as_ref().is_some_and(|reason| reason.contains(what)), "{sql}: {reason:?}");
        assert_eq!(bed.bench.destination().get_marker("shop", "sweep").unwrap(), None, "{sql}");
        assert_eq!(bed.query("SELECT id FROM orders"), ["1"], "{sql}");
    }
    // Another index is in nobody's way, nor is a second one of the key.
    let mut bed = Bed::<B>::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.run("CREATE INDEX names ON orders (name)");
    bed.run("CREATE UNIQUE INDEX again ON orders (id)");
    bed.plan(&upsert(&keys_of(&orders()))).unwrap();
    let begin = request(&bed, b"begun");
    assert_eq!(bed.bench.destination().begin_sweep(&begin).unwrap(), None);
}

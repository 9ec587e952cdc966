//! Values that are unique at the destination besides the key, and that change their rows.
//!
//! What was possible at the source is possible here, in whatever order the rows have to be written.

use serde_json::{Value, json};

use super::{Bed, Bench, orders, rows, upsert};
use crate::Operation::{self, Delete, Insert, Update};

type Rows = Vec<(Operation, Value)>;

/// `orders` whose names are unique, with rows 1 to 5 named a to e.
fn unique_names<B: Bench>() -> Bed<B> {
    let mut bed = Bed::<B>::new("{}");
    bed.plan(&upsert(&orders())).unwrap();
    bed.run("CREATE UNIQUE INDEX second ON orders (name)");
    let five = (1..).zip(["a", "b", "c", "d", "e"]);
    let five: Rows = five.map(|(id, name)| (Insert, json!({"id": id, "name": name}))).collect();
    bed.write(vec![rows(&orders(), &five)]).unwrap();
    bed
}

fn named(id: i64, name: &str) -> (Operation, Value) {
    (Update, json!({"id": id, "name": name, "price": "~"}))
}

/// Rows that do nothing but be there, so that a batch is long enough for another way of writing it.
fn others(count: i64) -> Rows {
    (1000..1000 + count).map(|id| (Delete, json!({"id": id}))).collect()
}

/// The same where a name cannot be empty, in a table that its operator made, with a column of his own.
fn unique_names_of_all<B: Bench>() -> Bed<B> {
    let mut bed = Bed::<B>::new("{}");
    let (key, price) = (B::WORDS.key, B::WORDS.price);
    bed.run(&format!(
        "CREATE TABLE orders (id {key} PRIMARY KEY, name text NOT NULL, price {price},
             note text DEFAULT 'own')"
    ));
    bed.plan(&upsert(&orders())).unwrap();
    bed.run("CREATE UNIQUE INDEX second ON orders (name)");
    let five = (1..).zip(["a", "b", "c", "d", "e"]);
    let five: Rows = five.map(|(id, name)| (Insert, json!({"id": id, "name": name}))).collect();
    bed.write(vec![rows(&orders(), &five)]).unwrap();
    bed.run("UPDATE orders SET note = 'of ' || id");
    bed
}

const NAMES: &str = "SELECT id, name FROM orders ORDER BY id";

fn whole(id: i64, name: &str) -> (Operation, Value) {
    (Update, json!({"id": id, "name": name, "price": "1.00"}))
}

/// A name, the rows, and what `orders` are then.
type Case = (&'static str, Rows, &'static [&'static str]);

fn cases() -> Vec<Case> {
    vec![
        (
            "two rows exchange a value by a third one",
            vec![named(1, "x"), named(2, "a"), named(1, "b")],
            &["1|b", "2|a", "3|c", "4|d", "5|e"],
        ),
        (
            "a value moves to a new row",
            vec![
                (Insert, json!({"id": 6, "name": "x"})),
                (Delete, json!({"id": 1})),
                named(6, "a"),
            ],
            &["2|b", "3|c", "4|d", "5|e", "6|a"],
        ),
        (
            "a new row takes it before the old one leaves it",
            vec![(Insert, json!({"id": 6, "name": "a"})), (Delete, json!({"id": 1}))],
            &["2|b", "3|c", "4|d", "5|e", "6|a"],
        ),
        (
            "a chain whose last row goes first",
            vec![whole(5, "f"), whole(4, "e"), whole(3, "d"), whole(2, "c"), whole(1, "b")],
            &["1|b", "2|c", "3|d", "4|e", "5|f"],
        ),
        (
            "a chain whose first row goes first",
            vec![whole(1, "b"), whole(2, "c"), whole(3, "d"), whole(4, "e"), whole(5, "f")],
            &["1|b", "2|c", "3|d", "4|e", "5|f"],
        ),
        (
            "two rows exchange a value at once",
            vec![named(1, "b"), named(2, "a")],
            &["1|b", "2|a", "3|c", "4|d", "5|e"],
        ),
        (
            "three in a ring, and two beside them",
            vec![whole(1, "b"), whole(4, "e"), named(2, "c"), named(3, "a"), named(5, "d")],
            &["1|b", "2|c", "3|a", "4|e", "5|d"],
        ),
        (
            "whole rows and parts of rows",
            vec![named(1, "x"), whole(2, "a"), named(3, "b"), whole(4, "c"), named(1, "d")],
            &["1|d", "2|a", "3|b", "4|c", "5|e"],
        ),
        (
            "a value that comes back to its row",
            vec![named(1, "x"), named(2, "a"), named(2, "y"), named(1, "a"), named(2, "b")],
            &["1|a", "2|b", "3|c", "4|d", "5|e"],
        ),
        (
            "a row that is deleted and made again under another one's value",
            vec![
                (Delete, json!({"id": 2})),
                named(1, "b"),
                (Insert, json!({"id": 2, "name": "a"})),
            ],
            &["1|b", "2|a", "3|c", "4|d", "5|e"],
        ),
    ]
}

/// Exchanges where no value can be empty for a moment.
pub fn values_that_cannot_be_empty_change_their_rows<B: Bench>() {
    for (name, batch, expect) in cases() {
        for count in [0, 100, 3100] {
            let mut bed = unique_names_of_all::<B>();
            let all = [batch.clone(), others(count)].concat();
            let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
            assert!(outcome.rejected.is_empty(), "{name}, {count}: {outcome:?}");
            assert_eq!(bed.query(NAMES), expect, "{name}, {count}");
            assert!(bed.letters().is_empty(), "{name}, {count}");
        }
    }
    // What the batch does not have stays, and a row that is really in the way is the only dead letter.
    let mut bed = unique_names_of_all::<B>();
    let batch = vec![named(1, "b"), named(3, "e"), named(2, "a"), named(4, "z")];
    let outcome = bed.write(vec![rows(&orders(), &batch)]).unwrap();
    let rejected: Vec<_> = outcome.rejected.iter().map(|row| row.row).collect();
    assert_eq!(rejected, [1], "{outcome:?}");
    let all = bed.query("SELECT id, name, note FROM orders ORDER BY id");
    assert_eq!(all, ["1|b|of 1", "2|a|of 2", "3|c|of 3", "4|z|of 4", "5|e|of 5"]);
}

/// Exchanges, moves and chains, as a source writes them whose constraint is looked at row by row, and as
/// one writes them whose constraint waits for the commit.
pub fn values_that_change_their_rows_are_no_dead_letters<B: Bench>() {
    for (name, batch, expect) in cases() {
        for count in [0, 100, 3100] {
            let mut bed = unique_names::<B>();
            let all = [batch.clone(), others(count)].concat();
            let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
            assert!(outcome.rejected.is_empty(), "{name}, {count}: {outcome:?}");
            assert_eq!(outcome.rows_written, all.len() as u64, "{name}, {count}");
            assert_eq!(bed.query(NAMES), expect, "{name}, {count}");
            assert!(bed.letters().is_empty(), "{name}, {count}");
        }
        // The same in batches of one row each, all in one request.
        let mut bed = unique_names::<B>();
        let each = batch.iter().map(|row| rows(&orders(), std::slice::from_ref(row)));
        let outcome = bed.write(each.collect()).unwrap();
        assert!(outcome.rejected.is_empty(), "{name}, alone: {outcome:?}");
        assert_eq!(bed.query(NAMES), expect, "{name}, alone");
    }
}

/// Beside others that only look like it.
pub fn a_row_that_is_really_in_the_way_is_the_only_dead_letter<B: Bench>() {
    for count in [0, 100, 3100] {
        let mut bed = unique_names::<B>();
        let batch = vec![named(1, "b"), named(3, "e"), named(2, "a"), named(4, "z")];
        let all = [batch, others(count)].concat();
        let outcome = bed.write(vec![rows(&orders(), &all)]).unwrap();
        let rejected: Vec<_> =
            outcome.rejected.iter().map(|row| (row.row, row.code.as_str())).collect();
        assert_eq!(rejected, [(1, "constraint")], "{count}: {outcome:?}");
        assert_eq!(bed.query(NAMES), ["1|b", "2|a", "3|c", "4|z", "5|e"], "{count}");
        let letter = r#"orders|update|{"id":3,"name":"e"}|constraint|1|pending"#;
        assert_eq!(bed.letters(), [letter], "{count}");
    }
}

/// I4.
pub fn what_waits_keeps_the_order_of_its_key<B: Bench>() {
    let mut bed = unique_names::<B>();
    // Row 1 wants b, which row 2 leaves only later, and row 3 wants a; what row 1 becomes afterwards comes
    // afterwards.
    let batch = [named(3, "a"), named(1, "b"), named(1, "y"), named(2, "x")];
    let outcome = bed.write(vec![rows(&orders(), &batch)]).unwrap();
    assert!(outcome.rejected.is_empty(), "{outcome:?}");
    assert_eq!(bed.query(NAMES), ["1|y", "2|x", "3|a", "4|d", "5|e"]);
    // Really in the way, and then not any more: the first is a dead letter, the second counts.
    let batch = [named(1, "d"), named(1, "z")];
    let outcome = bed.write(vec![rows(&orders(), &batch)]).unwrap();
    assert!(outcome.rejected.len() <= 1, "{outcome:?}");
    assert_eq!(bed.query(NAMES), ["1|z", "2|x", "3|a", "4|d", "5|e"]);
}

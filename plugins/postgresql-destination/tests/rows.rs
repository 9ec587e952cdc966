//! Rows that go straight into their table, and rows that bring a part of theirs.

// Helpers of tests may fail loudly too, which the lint cannot see.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Bed, Delete, Insert, Update, orders, rows, soft, upsert};

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
    bed.send(request).unwrap();
    assert_eq!(bed.query("SELECT count(*), max(name) FROM orders"), ["100|e"]);
}

#[test]
fn partial_updates_spare_columns_that_an_existing_table_demands() {
    for others in [0, 100, 10_100] {
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
        batch.extend((1000..1000 + others).map(|id| (Delete, json!({"id": id}))));
        bed.write(vec![rows(&orders(), &batch)]).unwrap();
        assert_eq!(bed.query("SELECT * FROM orders ORDER BY id"), ["1|a|2.00", "2|b|4.00"]);
    }
}
